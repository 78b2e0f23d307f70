package oauth2auth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(savePath); path != "" {
		saveUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

// signIn returns a source of clientcredentials that signs in at a local server which plays Entra.
func signIn(t *testing.T, secret string) oauth2.TokenSource {
	t.Helper()
	entra, err := emulator.StartTLS(emulator.WithEntra())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(entra.Close)
	config := clientcredentials.Config{
		ClientID:     "an-application",
		ClientSecret: secret,
		TokenURL:     entra.URL + "/a-tenant/oauth2/v2.0/token",
		Scopes:       []string{"https://api.partnercenter.microsoft.com/.default"},
	}
	return config.TokenSource(context.WithValue(t.Context(), oauth2.HTTPClient, entra.Client()))
}

func source(t *testing.T, bearer wrapper.BearerFunc, baseURL string) *wrapper.TokenSource {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := wrapper.NewClient(bearer, wrapper.WithBaseURL(baseURL), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	return wrapper.NewTokenSource(c)
}

func start(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	server, err := emulator.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestTokenSource_GivesTheTokenOfASignedInSource(t *testing.T) {
	service := start(t)
	s := source(t, oauth2auth.Bearer(signIn(t, "secret")), service.URL)
	tokens := oauth2auth.TokenSource(t.Context(), s)
	want, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := tokens.Token(); err != nil || got.AccessToken != want.AccessToken {
			t.Errorf("it gives the source's token: false; %v", err)
		}
	}
	if n := len(service.Requests()); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

func TestTokenSource_ExpiryIsTheTokens(t *testing.T) {
	s := source(t, wrapper.StaticBearer("a-bearer"), start(t).URL)
	got, err := oauth2auth.TokenSource(t.Context(), s).Token()
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Token(t.Context())
	if err != nil || !got.Expiry.Equal(want.ExpiresAt) || got.TokenType != "bearer" || !got.Valid() {
		t.Errorf("expires at %v, want %v; %v", got.Expiry, want.ExpiresAt, err)
	}
}

func TestTokenSource_UnknownLifetimeIsNotForEver(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer silent.Close()
	got, err := oauth2auth.TokenSource(t.Context(), source(t, wrapper.StaticBearer("a-bearer"), silent.URL)).Token()
	if err != nil || got.Expiry.IsZero() || time.Until(got.Expiry) > time.Minute {
		t.Errorf("expires at %v, %v", got.Expiry, err)
	}
}

func TestErrors_PassInBothDirections(t *testing.T) {
	service := start(t, emulator.WithFaults(emulator.Fault{Status: 403}))
	if _, err := oauth2auth.TokenSource(t.Context(), source(t, wrapper.StaticBearer("a-bearer"), service.URL)).Token(); !errors.Is(err, wrapper.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	_, err := source(t, oauth2auth.Bearer(signIn(t, "wrong")), service.URL).Token(t.Context())
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || len(service.Requests()) != 1 {
		t.Errorf("%d requests; %v", len(service.Requests()), err)
	}
}

func TestTokenSource_WaitingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := oauth2auth.TokenSource(ctx, source(t, wrapper.StaticBearer("a-bearer"), start(t).URL)).Token(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
