package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func TestFromSigningInToAResource(t *testing.T) {
	service := start(t)
	s := source(t, oauth2auth.Bearer(signIn(t, "secret")), service.URL)
	var got []string
	resource := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	defer resource.Close()
	base := &http.Client{Transport: &http.Transport{}}
	defer base.CloseIdleConnections()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, base)
	tokens := oauth2auth.TokenSource(ctx, s)
	for _, client := range []*http.Client{
		oauth2.NewClient(ctx, tokens),
		{Transport: &oauth2.Transport{Source: tokens, Base: base.Transport}},
	} {
		for range 2 {
			resp, err := client.Get(resource.URL)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
	}
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, authorization := range got {
		if authorization != "Bearer "+token.AccessToken {
			t.Errorf("the resource got %q", authorization)
		}
	}
	if len(got) != 4 || len(service.Requests()) != 1 {
		t.Errorf("%d calls, %d exchanges", len(got), len(service.Requests()))
	}
}

func TestExpiryIsTheTokens(t *testing.T) {
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

func TestAnUnknownLifetimeIsNotForEver(t *testing.T) {
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

func TestErrorsPassInBothDirections(t *testing.T) {
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

func TestWaitingEndsWithTheContextOfTheSource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := oauth2auth.TokenSource(ctx, source(t, wrapper.StaticBearer("a-bearer"), start(t).URL)).Token(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A service with x/oauth2: clientcredentials signs in, the client exchanges, and an http.Client sends the token with
// each request to a Partner Center resource.
func Example() {
	ctx := context.Background()
	service, err := emulator.StartTLS(emulator.WithEntra()) // so that this runs without an account
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	resource := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "a resource, for a bearer of %d characters", len(r.Header.Get("Authorization"))-len("Bearer "))
	}))
	defer resource.Close()

	config := clientcredentials.Config{
		ClientID:     "an-application",
		ClientSecret: "a-secret",
		TokenURL:     service.URL + "/a-tenant/oauth2/v2.0/token", // microsoft.AzureADEndpoint(tenant).TokenURL for the real Entra
		Scopes:       []string{"https://api.partnercenter.microsoft.com/.default"},
	}
	signIn := config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, service.Client())) // ctx for the real Entra
	client, err := wrapper.NewClient(oauth2auth.Bearer(signIn), wrapper.WithBaseURL(service.URL), wrapper.WithHTTPClient(service.Client()))
	if err != nil {
		log.Fatal(err)
	}
	tokens := oauth2auth.TokenSource(ctx, wrapper.NewTokenSource(client))

	resp, err := oauth2.NewClient(ctx, tokens).Get(resource.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)
	// Output: a resource, for a bearer of 26 characters
}
