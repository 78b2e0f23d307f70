// Package oauth2auth connects package wrapper with golang.org/x/oauth2: [Bearer] takes the bearer from any token source,
// such as one of clientcredentials, [RefreshToken] exchanges a stored refresh token for it, as app+user access needs, and
// [TokenSource] gives Partner Center access tokens to libraries that take a token source.
package oauth2auth

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/internal/signin"
)

// Bearer returns a BearerFunc that takes the Entra access token from s, which has to be one for the scope
// https://api.partnercenter.microsoft.com/.default. It caches nothing, because the sources of x/oauth2 do. It is safe for
// concurrent use, and panics if s is nil.
//
// Token is called once at a time, and callers who come meanwhile share what it returns. It takes no context: a caller
// whose own context ends stops waiting, and Token goes on. A panic in it is an error.
//
// Errors show no secret, unlike those of x/oauth2, which print whole answers; [errors.As] still finds an
// [*oauth2.RetrieveError]. They have a method Retryable() bool: true if Entra answered 408, 429 or 5xx, or did not answer
// at all.
func Bearer(s oauth2.TokenSource) wrapper.BearerFunc {
	if signin.IsNil(s) {
		panic("oauth2auth: Bearer(nil): pass a token source, such as one of clientcredentials")
	}
	var calls flight
	return func(ctx context.Context) (string, error) {
		return calls.join(ctx, func() (string, error) {
			token, err := s.Token()
			if err != nil {
				return "", explain(err)
			}
			if token == nil {
				return "", fmt.Errorf("oauth2auth: %T returned neither a token nor an error", s)
			}
			return token.AccessToken, nil
		})
	}
}

// TokenSource returns a token source that gives the Partner Center access tokens of s, for libraries that take one.
// Waiting for a token ends when ctx does. It is safe for concurrent use, and panics if s is nil. Expiry is the token's, or
// a minute from now if the service did not say.
//
// To send requests, use [wrapper.NewTransport] instead. [oauth2.Transport] and [oauth2.NewClient] add the token to every
// request, so a redirect carries it to another host. They never drop a token that a resource refused, and
// [oauth2.NewClient] waits for a new one once in a token's lifetime, for it asks s only when the old one has expired.
func TokenSource(ctx context.Context, s *wrapper.TokenSource) oauth2.TokenSource {
	if s == nil {
		panic("oauth2auth: TokenSource(nil): pass a source, made with wrapper.NewTokenSource")
	}
	return tokenSource{ctx, s}
}

type tokenSource struct {
	ctx    context.Context
	source *wrapper.TokenSource
}

func (t tokenSource) Token() (*oauth2.Token, error) {
	token, err := t.source.Token(t.ctx)
	if err != nil {
		return nil, err
	}
	expiry := token.ExpiresAt
	if expiry.IsZero() {
		expiry = time.Now().Add(time.Minute) // a zero Expiry would mean that it never expires
	}
	return &oauth2.Token{AccessToken: token.AccessToken, TokenType: token.TokenType, Expiry: expiry}, nil
}

// Format keeps fmt from reading the source's fields, which change while it is in use.
func (t tokenSource) Format(f fmt.State, verb rune) { t.source.Format(f, verb) }
