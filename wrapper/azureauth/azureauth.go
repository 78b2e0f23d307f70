// Package azureauth connects package wrapper with the Azure SDK for Go, in both directions: [Bearer] takes the bearer of
// an exchange from any credential of azidentity, and [Credential] gives Partner Center access tokens to whatever takes
// an Azure credential.
package azureauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	// Scope is what an Entra access token has to be asked for to be exchanged at the global service ("Authentication -
	// Generate access token"). Partners in the US Government cloud use it too.
	Scope = "https://api.partnercenter.microsoft.com/.default"
	// ScopeChina is Scope for the service in China. No page names it; it is built as the source of Microsoft's own
	// SDKs builds it, from the service's base URL.
	ScopeChina = "https://partner.partnercenterapi.microsoftonline.cn/.default"
	// ApplicationID is Partner Center's own in Entra, which v2 tokens may have as their audience.
	ApplicationID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
)

// resources are what the scopes of Partner Center begin with: its URLs, and its application id as the audience of v2
// tokens has it.
var resources = []string{
	strings.TrimSuffix(Scope, ".default"),
	strings.TrimSuffix(ScopeChina, ".default"),
	ApplicationID + "/",
}

// Bearer returns a BearerFunc that takes the Entra access token from cred: one for [Scope], or for the given scopes
// instead. Credentials of azidentity keep their tokens themselves, so nothing is kept here. It is as safe for concurrent
// use as cred. Its errors are cred's own.
func Bearer(cred azcore.TokenCredential, scopes ...string) wrapper.BearerFunc {
	if len(scopes) == 0 {
		scopes = []string{Scope}
	}
	return func(ctx context.Context) (string, error) {
		token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: scopes})
		return token.Token, err
	}
}

// Credential returns an Azure credential that gives the Partner Center access tokens of s, for example to azcore's
// bearer token policy. It answers for scopes of Partner Center alone and refuses others by name, so that the token does
// not reach another service. It is safe for concurrent use.
//
// ExpiresOn is the token's expiry, or five minutes from now if the service did not say. RefreshOn asks the caller to come
// back when a fifth of what is left remains, so that s can renew the token in time.
func Credential(s *wrapper.TokenSource) azcore.TokenCredential {
	return credential{s}
}

type credential struct{ source *wrapper.TokenSource }

func (c credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(options.Scopes) == 0 {
		return azcore.AccessToken{}, errors.New("azureauth: no scope; ask for " + Scope)
	}
	for _, scope := range options.Scopes {
		if !isPartnerCenter(scope) {
			return azcore.AccessToken{}, fmt.Errorf("azureauth: the scope %q is not Partner Center's; ask for %s", scope, Scope)
		}
	}
	token, err := c.source.Token(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
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

// Format has fmt leave the source alone, which changes while it is in use.
func (c credential) Format(f fmt.State, verb rune) { c.source.Format(f, verb) }

func isPartnerCenter(scope string) bool {
	for _, resource := range resources {
		if strings.HasPrefix(scope, resource) {
			return true
		}
	}
	return false
}
