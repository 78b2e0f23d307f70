package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestRefreshToken_SendsTheGrantWithScopeAndSecretInTheForm(t *testing.T) {
	e := &entra{}
	bear(t, e.in(t.Context()), oauth2auth.RefreshToken(config, stored()))
	want := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {"canary-refresh-0"},
		"client_id":     {"an-application"},
		"client_secret": {"canary-client-secret"},
		"scope":         {"offline_access https://api.partnercenter.microsoft.com/user_impersonation"},
	}
	if got := e.requests()[0].Encode(); got != want.Encode() {
		t.Errorf("Entra got %s\nwant      %s", got, want.Encode())
	}
	if got := e.headers[0].Get("Authorization"); got != "" {
		t.Errorf("Authorization is %q, want none", got)
	}
}

func TestRefreshToken_SendsNoSecretForAPublicClient(t *testing.T) {
	e, public := &entra{}, &oauth2.Config{ClientID: config.ClientID, Endpoint: config.Endpoint, Scopes: config.Scopes}
	bear(t, e.in(t.Context()), oauth2auth.RefreshToken(public, stored()))
	if got := e.requests()[0]; got.Has("client_secret") {
		t.Errorf("Entra got %s", got.Encode())
	}
}

func TestRefreshToken_SendsSecretInTheHeaderIfAsked(t *testing.T) {
	e, header := &entra{}, &oauth2.Config{ClientID: "an-application", ClientSecret: "canary-client-secret", Endpoint: config.Endpoint}
	header.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	bear(t, e.in(t.Context()), oauth2auth.RefreshToken(header, stored()))
	if !strings.HasPrefix(e.headers[0].Get("Authorization"), "Basic ") {
		t.Errorf("Entra got %s", e.requests()[0].Encode())
	}
}

func TestRefreshToken_KeepsTheAccessTokenUntilTwoMinutesBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, stored())
		bear(t, ctx, bearer)
		time.Sleep(58*time.Minute - time.Second) // of the bubble's clock
		if got := bear(t, ctx, bearer); got != "canary-access-1" {
			t.Errorf("got %s while the token was fresh", got)
		}
		time.Sleep(2 * time.Second) // of the bubble's clock
		if got := bear(t, ctx, bearer); got != "canary-access-2" {
			t.Errorf("got %s when the token was not fresh any more", got)
		}
	})
}

func TestRefreshToken_DoesNotKeepATokenOfUnknownLifetimeForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, n int) { grant(w, n, "") }}
		ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, stored())
		bear(t, ctx, bearer)
		time.Sleep(5 * time.Minute) // of the bubble's clock
		if got := bear(t, ctx, bearer); got != "canary-access-2" {
			t.Errorf("got %s after five minutes", got)
		}
	})
}

func TestRefreshToken_HandsOutATokenTooShortToKeep(t *testing.T) {
	e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, n int) { grant(w, n, `"expires_in":"60",`) }}
	ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, stored())
	for n := 1; n <= 2; n++ {
		if got := bear(t, ctx, bearer); got != fmt.Sprint("canary-access-", n) {
			t.Errorf("call %d got %s", n, got)
		}
	}
}

func TestRefreshToken_MakesOneExchangeForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
			time.Sleep(time.Second)
			grant(w, n, `"expires_in":3600,`)
		}}
		ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, stored())
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if got, err := bearer(ctx); got != "canary-access-1" {
					t.Errorf("got %s, %v", got, err)
				}
			})
		}
		callers.Wait()
		if n := len(e.requests()); n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
}

func TestRefreshToken_GoesOnWhenTheCallerThatBeganItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
			time.Sleep(10 * time.Second)
			grant(w, n, `"expires_in":3600,`)
		}}
		ctx, store := e.in(t.Context()), stored()
		bearer := oauth2auth.RefreshToken(config, store)
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := bearer(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller got %v", err)
		}
		if got := bear(t, ctx, bearer); got != "canary-access-1" || store.token != "canary-refresh-1" {
			t.Errorf("the next caller got %s, and the store has %s", got, store.token)
		}
	})
}

func TestRefreshToken_EndsARefreshAfter30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				<-r.Context().Done()
			}
			grant(w, n, "")
		}}
		ctx, bearer, began := e.in(t.Context()), oauth2auth.RefreshToken(config, stored()), time.Now()
		_, err := bearer(ctx)
		if took := time.Since(began); err == nil || took != 30*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if !retryable(err) {
			t.Errorf("not retryable: %v", err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is said to be the end of the caller's context", err)
		}
		bear(t, ctx, bearer)
	})
}

func TestRefreshToken_FollowsNoRedirect(t *testing.T) {
	var reached bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	hijacked := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer hijacked.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
	redirected := &oauth2.Config{ClientID: "an-application", Endpoint: oauth2.Endpoint{TokenURL: hijacked.URL}}
	_, err := oauth2auth.RefreshToken(redirected, stored())(ctx)
	if reached || err == nil || !strings.Contains(err.Error(), "redirects are not followed") || retryable(err) {
		t.Errorf("the other server was reached: %t; %v", reached, err)
	}
}

func TestRefreshToken_SignsInAndExchanges(t *testing.T) {
	service := start(t)
	s := source(t, oauth2auth.RefreshToken(config, stored()), service.URL)
	if _, err := s.Token((&entra{}).in(t.Context())); err != nil || len(service.Requests()) != 1 {
		t.Errorf("%d requests; %v", len(service.Requests()), err)
	}
}

func TestRefreshToken_SaysThroughASourceThatAPersonHasToSignIn(t *testing.T) {
	service := start(t, emulator.WithEntra())
	s := source(t, oauth2auth.RefreshToken(config, &memory{}), service.URL)
	_, err := s.Token(t.Context())
	var e *wrapper.Error
	if !errors.Is(err, oauth2auth.ErrSignInRequired) || !errors.As(err, &e) || e.Retryable() {
		t.Errorf("got %v", err)
	}
}

func TestRefreshToken_IsToBeTriedAgainThroughASourceWhenEntraIsDown(t *testing.T) {
	e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusServiceUnavailable) }}
	service := start(t)
	_, err := source(t, oauth2auth.RefreshToken(config, stored()), service.URL).Token(e.in(t.Context()))
	var failed *wrapper.Error
	if !errors.As(err, &failed) || !failed.Retryable() || !errors.Is(err, wrapper.ErrUnavailable) || !strings.Contains(err.Error(), "Entra") {
		t.Errorf("got %v", err)
	}
	if n := len(e.requests()); n != 1 {
		t.Errorf("%d requests to Entra", n)
	}
}
