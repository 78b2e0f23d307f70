// Package azureauth connects package wrapper with the Azure SDK for Go: [Bearer] takes the bearer from any credential of
// azidentity, and [Credential] gives Partner Center access tokens to whatever takes an Azure credential.
package azureauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/internal/signin"
)

const (
	// Scope is the scope to ask Entra for ("Authentication - Generate access token"). The US Government cloud uses it too.
	Scope = "https://api.partnercenter.microsoft.com/.default"
	// ScopeChina is Scope for the service in China: its audience is https://partner.partnercenterapi.microsoftonline.cn
	// ("Deprecate Azure AD graph token").
	ScopeChina = "https://partner.partnercenterapi.microsoftonline.cn/.default"
	// ApplicationID is Partner Center's own in Entra, which v2 tokens may have as their audience.
	ApplicationID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
)

// resources are what the scopes of Partner Center begin with.
var resources = []string{
	strings.TrimSuffix(Scope, ".default"),
	strings.TrimSuffix(ScopeChina, ".default"),
	ApplicationID + "/",
}

// Bearer returns a BearerFunc that takes the Entra access token from cred: one for [Scope], or for the given scopes
// instead, such as [ScopeChina]. It caches nothing, because credentials of azidentity do. It is as safe for concurrent use
// as cred, and panics if cred is nil.
//
// Its errors show no secret, unlike those of azidentity, which print whole answers; [errors.As] still finds cred's own.
// They have a method Retryable() bool: true if Entra answered 408, 429 or 5xx, or did not answer at all.
func Bearer(cred azcore.TokenCredential, scopes ...string) wrapper.BearerFunc {
	if signin.IsNil(cred) {
		panic("azureauth: Bearer(nil): pass a credential, such as one of azidentity")
	}
	if len(scopes) == 0 {
		scopes = []string{Scope}
	}
	return func(ctx context.Context) (string, error) {
		watched, w := watch(ctx)
		token, err := cred.GetToken(watched, policy.TokenRequestOptions{Scopes: scopes})
		if err != nil {
			return "", w.explain(ctx, err)
		}
		return token.Token, nil
	}
}

// Credential returns an Azure credential that gives the Partner Center access tokens of s, for example to azcore's
// bearer token policy. It answers for scopes of Partner Center alone, so that the token does not reach another service. It
// is safe for concurrent use, and panics if s is nil.
//
// ExpiresOn is the token's expiry, or five minutes from now if the service did not say. RefreshOn asks the caller to come
// back when a fifth of what is left remains, so that s can renew the token in time.
//
// A request with Claims means that a resource refused the token given out last (Continuous Access Evaluation), so it
// brings another one. An exchange cannot carry the claims themselves. azcore's policy says nothing of a 401 without
// claims; [wrapper.NewTransport] gets a new token for that one, too.
func Credential(s *wrapper.TokenSource) azcore.TokenCredential {
	if s == nil {
		panic("azureauth: Credential(nil): pass a source, made with wrapper.NewTokenSource")
	}
	return &credential{source: s}
}

type credential struct {
	source *wrapper.TokenSource
	last   atomic.Pointer[wrapper.Token] // the token given out last
}

func (c *credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(options.Scopes) == 0 {
		return azcore.AccessToken{}, errors.New("azureauth: no scope; ask for " + Scope)
	}
	for _, scope := range options.Scopes {
		if !isPartnerCenter(scope) {
			return azcore.AccessToken{}, fmt.Errorf("azureauth: the scope %q is not Partner Center's; ask for %s", scope, Scope)
		}
	}
	token, err := c.source.Token(ctx)
	if err == nil && options.Claims != "" && c.gave(token) {
		c.source.Invalidate(token)
		token, err = c.source.Token(ctx)
	}
	if err != nil {
		return azcore.AccessToken{}, err
	}
	c.last.Store(token)
	now := time.Now()
	expires := token.ExpiresAt
	if expires.IsZero() {
		expires = now.Add(5 * time.Minute)
	}
	return azcore.AccessToken{
		Token:     token.AccessToken,
		ExpiresOn: expires.UTC(),
		RefreshOn: now.Add(expires.Sub(now) / 5 * 4).UTC(),
	}, nil
}

// gave reports whether t may be the token that a resource refused: the source may have replaced that one already.
func (c *credential) gave(t *wrapper.Token) bool {
	last := c.last.Load()
	return last == nil || last.AccessToken == t.AccessToken
}

// Format keeps fmt from reading the source's fields, which change while it is in use.
func (c *credential) Format(f fmt.State, verb rune) { c.source.Format(f, verb) }

func isPartnerCenter(scope string) bool {
	for _, resource := range resources {
		if strings.HasPrefix(scope, resource) {
			return true
		}
	}
	return false
}
