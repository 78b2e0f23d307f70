package wrapper

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Token is a Partner Center access token. Formatting it with any verb of package fmt, logging it or marshalling it to
// JSON shows everything but the access token; read the field to use it.
type Token struct {
	// AccessToken is the secret itself, to be sent as "Authorization: Bearer …". It is opaque: the documentation asks
	// callers not to decode it ("Deprecate Azure AD graph token").
	AccessToken string
	// TokenType is how the service says the token is to be presented, in practice "bearer". It may be empty.
	TokenType string
	// ExpiresAt is when the token stops being valid, in UTC by the wall clock: the answer's expires_in, counted from
	// the moment the call's first attempt left, so that it is never later than the service's own reckoning. It is zero
	// when the service did not say.
	ExpiresAt time.Time
	// RequestID and CorrelationID identify the call that brought the token, for logs and support requests: what the
	// service reported, or else what was sent.
	RequestID, CorrelationID string
}

var errNoToken = errors.New("the answer holds no usable access token")

// newToken makes a Token of a response with status 200, or an *Error where there is none in it.
func newToken(resp *http.Response) (*Token, error) {
	a := resp.Body.(*answer)
	var (
		body gen.AccessToken
		err  = a.err
	)
	// As the generated parser does, but of what has been read already, which it would copy.
	switch mediaType := resp.Header.Get("Content-Type"); {
	case err != nil:
	case strings.Contains(mediaType, "json"):
		err = json.Unmarshal(a.content, &body)
	case strings.Contains(mediaType, "xml"):
		err = xml.Unmarshal(a.content, &body)
	}
	if err != nil || body.AccessToken == "" || indexInvalid(body.AccessToken) >= 0 {
		return nil, noToken(resp)
	}
	requestID, correlationID := callIDs(resp.Request, resp.Header)
	return &Token{
		AccessToken:   body.AccessToken,
		TokenType:     body.TokenType,
		ExpiresAt:     expiry(a.started, body.ExpiresIn),
		RequestID:     requestID,
		CorrelationID: correlationID,
	}, nil
}

// expiry returns the end of a lifetime in seconds, or the zero time where it is missing or no such number.
func expiry(from time.Time, expiresIn json.Number) time.Time {
	seconds, err := expiresIn.Int64()
	if err != nil || seconds < 0 {
		return time.Time{}
	}
	seconds = min(seconds, math.MaxInt64/int64(time.Second))
	// UTC drops the monotonic part as well, and should: that clock stands still while a machine sleeps.
	return from.Add(time.Duration(seconds) * time.Second).UTC()
}

const redacted = "REDACTED"

// Format implements [fmt.Formatter] for every verb and flag, without the access token.
func (t Token) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "Token{AccessToken:%s TokenType:%s ExpiresAt:%s RequestID:%s CorrelationID:%s}",
		redacted, t.TokenType, t.ExpiresAt.Format(time.RFC3339), t.RequestID, t.CorrelationID)
}

// MarshalJSON implements [json.Marshaler], without the access token. To hand a token on, marshal a type of your own.
func (t Token) MarshalJSON() ([]byte, error) {
	type plain Token // without this method
	t.AccessToken = redacted
	return json.Marshal(plain(t))
}
