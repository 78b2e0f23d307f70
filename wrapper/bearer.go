package wrapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// BearerFunc returns the Microsoft Entra access token for one exchange. It is called once per call of the client,
// however many attempts the call takes, with the call's context, and from several goroutines at once if the client is
// used so. A single newline at the token's end is dropped, because tokens come from files; anything else that is no
// part of a token gets [ErrInvalidBearer] before anything is sent.
type BearerFunc func(ctx context.Context) (string, error)

// StaticBearer returns a BearerFunc that always returns token, for programs that end before the token expires.
func StaticBearer(token string) BearerFunc {
	return func(context.Context) (string, error) { return token, nil }
}

// ErrInvalidBearer is the reason of an [Error] when what the [BearerFunc] returned cannot be a bearer token: it is
// empty, starts with "Bearer ", or holds a character that no token has. Nothing was sent then.
var ErrInvalidBearer = errors.New("the bearer is not usable")

const bearerPrefix = "Bearer "

// authorize sets the Authorization header of a call.
func authorize(ctx context.Context, req *http.Request, bearer BearerFunc) error {
	token, err := bearer(ctx)
	token = strings.TrimSuffix(strings.TrimSuffix(token, "\n"), "\r")
	invalid := indexInvalid(token)
	switch {
	case err != nil:
		err = fmt.Errorf("getting the bearer: %w", err)
	case token == "":
		err = fmt.Errorf("%w: it is empty", ErrInvalidBearer)
	case len(token) >= len(bearerPrefix) && strings.EqualFold(token[:len(bearerPrefix)], bearerPrefix):
		err = fmt.Errorf("%w: it already begins with %q; pass the token alone", ErrInvalidBearer, bearerPrefix)
	case invalid >= 0:
		err = fmt.Errorf("%w: byte %d of %d is a space, a line break, a control character or not ASCII",
			ErrInvalidBearer, invalid+1, len(token))
	}
	if err != nil {
		return noAnswer(req, 0, err).failure()
	}
	req.Header["Authorization"] = []string{bearerPrefix + token}
	return nil
}

// bearerOf returns the bearer that a request has.
func bearerOf(req *http.Request) string {
	return strings.TrimPrefix(req.Header.Get("Authorization"), bearerPrefix)
}

// indexInvalid returns the index of the first byte that no bearer token has, or -1: it is made of visible ASCII (RFC
// 6750), and a line break would even start a header of its own.
func indexInvalid(token string) int {
	for i := range len(token) {
		if token[i]-'!' > '~'-'!' { // one comparison, for there are two thousand bytes
			return i
		}
	}
	return -1
}
