package oauth2auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/internal/signin"
)

// Store keeps a refresh token. It has to be safe for concurrent use, and to return when ctx ends. Whoever can read a store
// can act as the person who signed in.
type Store interface {
	// Load returns the refresh token, or "" if there is none.
	Load(ctx context.Context) (refreshToken string, err error)
	// Save replaces the refresh token.
	Save(ctx context.Context, refreshToken string) error
}

const (
	refreshTimeout  = 30 * time.Second // of a refresh, with what it loads and stores
	expiryMargin    = 2 * time.Minute  // so that an access token outlasts an exchange and its retries
	unknownLifetime = 5 * time.Minute  // as that of Partner Center's tokens
)

// RefreshToken returns the BearerFunc of app+user access by the Secure Application Model ("Partner Center
// authentication"): a person signs in once, with MFA, and the refresh token in store goes on bringing access tokens. It is
// safe for concurrent use, and panics if config or store is nil.
//
// An access token is kept until two minutes before it expires. Then the refresh token is loaded from store and exchanged
// at Entra, and the new one that comes with the access token is saved. What others save, as a new sign-in does, is used
// from the next exchange at Entra on; to have it at once, make another RefreshToken. Entra does not revoke the old one, so several replicas may use one store, and a crash loses nothing;
// unused for 90 days, a refresh token expires ("Refresh tokens in the Microsoft identity platform").
//
// No access token is handed out while its refresh token cannot be saved, so that a store that nobody can write to is
// noticed at once. The new refresh token is kept meanwhile, and the next call saves it without another exchange.
//
// Of config, ClientID, Endpoint.TokenURL and Scopes are needed, and ClientSecret if the application has one. The scopes
// are offline_access and https://api.partnercenter.microsoft.com/user_impersonation, in China
// https://partner.partnercenterapi.microsoftonline.cn/user_impersonation. The [http.Client] is that of
// [oauth2.HTTPClient] in the call's context, if there is one; redirects are not followed.
//
// One refresh is under way at most. It has 30 seconds, and goes on for others when a caller's context ends. Errors are as
// [Bearer] has them; [ErrSignInRequired] is among them if there is no refresh token, or Entra does not take it any more.
func RefreshToken(config *oauth2.Config, store Store) wrapper.BearerFunc {
	switch {
	case config == nil:
		panic("oauth2auth: RefreshToken(nil, store): pass a config with ClientID, Endpoint and Scopes")
	case signin.IsNil(store):
		panic("oauth2auth: RefreshToken(config, nil): pass a store, such as FileStore(path)")
	}
	// A refresh by oauth2.Config has no scope. The one by clientcredentials.Config has, and takes another grant type.
	r := &refresher{store: store, config: clientcredentials.Config{
		ClientID:     config.ClientID,
		ClientSecret: config.ClientSecret,
		TokenURL:     config.Endpoint.TokenURL,
		Scopes:       append([]string(nil), config.Scopes...),
		AuthStyle:    config.Endpoint.AuthStyle,
	}}
	if r.config.AuthStyle == oauth2.AuthStyleAutoDetect {
		r.config.AuthStyle = oauth2.AuthStyleInParams // to detect it, each request that fails would be sent twice
	}
	var calls flight
	return func(ctx context.Context) (string, error) {
		return calls.join(ctx, func() (string, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
			defer cancel()
			return r.token(ctx)
		})
	}
}

// refresher gets access tokens for a refresh token. It is not safe for concurrent use.
type refresher struct {
	config clientcredentials.Config
	store  Store

	access  string
	until   time.Time // when access is no longer handed out
	unsaved string    // the newest refresh token, if store does not have it yet
}

func (r *refresher) token(ctx context.Context) (string, error) {
	if err := r.save(ctx); err != nil { // what an earlier call could not
		return "", err
	}
	if !r.fresh() {
		if err := r.refresh(ctx); err != nil {
			return "", err
		}
		if err := r.save(ctx); err != nil {
			return "", err
		}
	}
	return r.access, nil
}

// fresh reports whether the access token is, by the wall clock and by the monotonic one: machines sleep, and clocks are
// set back.
func (r *refresher) fresh() bool {
	now := time.Now()
	return now.Before(r.until) && now.Round(0).Before(r.until.Round(0))
}

func (r *refresher) refresh(ctx context.Context) error {
	refreshToken, err := r.store.Load(ctx)
	switch {
	case err != nil:
		return r.storeError(ctx, "loading the refresh token", err)
	case refreshToken == "":
		return signin.Error(fmt.Errorf("%w: the store has no refresh token", ErrSignInRequired), false)
	}
	config := r.config
	config.EndpointParams = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, withoutRedirects(ctx)))
	if err != nil {
		return explain(err, refreshToken, r.config.ClientSecret)
	}
	if token.Expiry.IsZero() {
		token.Expiry = time.Now().Add(unknownLifetime)
	}
	r.access, r.until = token.AccessToken, token.Expiry.Add(-expiryMargin)
	if token.RefreshToken != refreshToken {
		r.unsaved = token.RefreshToken
	}
	return nil
}

func (r *refresher) save(ctx context.Context) error {
	if r.unsaved == "" {
		return nil
	}
	if err := r.store.Save(ctx, r.unsaved); err != nil {
		return r.storeError(ctx, "saving the new refresh token", err)
	}
	r.unsaved = ""
	return nil
}

func (r *refresher) storeError(ctx context.Context, doing string, err error) error {
	return signin.Error(fmt.Errorf("%s: %w", doing, err), ctx.Err() != nil, r.unsaved, r.access, r.config.ClientSecret)
}

// withoutRedirects returns the client that ctx has for x/oauth2, but following no redirect: a 307 would send the refresh
// token and the secret to wherever it points.
func withoutRedirects(ctx context.Context) *http.Client {
	client := *http.DefaultClient
	if c, ok := ctx.Value(oauth2.HTTPClient).(*http.Client); ok && c != nil {
		client = *c
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}
