// Package oauth2auth connects package wrapper with golang.org/x/oauth2, in both directions: [Bearer] takes the bearer of
// an exchange from any token source, such as one of clientcredentials, and [TokenSource] gives Partner Center access
// tokens to whatever takes a token source.
package oauth2auth

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Bearer returns a BearerFunc that takes the Entra access token from s, which has to be one for the scope
// https://api.partnercenter.microsoft.com/.default. Its Token method takes no context, so a call waits for it even if
// the call's own context ends; give s one of its own. Let s keep its tokens, as those of clientcredentials do: nothing is
// kept here. It is as safe for concurrent use as s. Its errors are s's own.
func Bearer(s oauth2.TokenSource) wrapper.BearerFunc {
	return func(context.Context) (string, error) {
		token, err := s.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
}

// TokenSource returns a token source that gives the Partner Center access tokens of s, for [oauth2.NewClient] or an
// [oauth2.Transport]. Waiting for a token ends when ctx does. It is safe for concurrent use.
//
// Expiry is the token's expiry, or a minute from now if the service did not say. A transport that has this source asks
// it for each request, so that s renews in time: use &oauth2.Transport{Source: …}. [oauth2.NewClient] keeps a token until
// ten seconds before it expires and asks only then, so that one request in a token's lifetime waits for an exchange.
func TokenSource(ctx context.Context, s *wrapper.TokenSource) oauth2.TokenSource {
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

// Format has fmt leave the source alone, which changes while it is in use.
func (t tokenSource) Format(f fmt.State, verb rune) { t.source.Format(f, verb) }
