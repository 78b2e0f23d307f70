package azureauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "5a3d9a0c-0000-4000-8000-47c7ecd2edbd"

// signIn returns a credential of the real azidentity that signs in at a local server which plays Entra.
func signIn(t *testing.T, secret string) azcore.TokenCredential {
	t.Helper()
	entra, err := emulator.StartTLS(emulator.WithEntra())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(entra.Close)
	return credentialAt(t, entra.URL, secret, entra.Client())
}

func credentialAt(t *testing.T, authority, secret string, client *http.Client) azcore.TokenCredential {
	t.Helper()
	cred, err := azidentity.NewClientSecretCredential(tenant, "an-application", secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: authority},
			Transport: client,
			Retry:     policy.RetryOptions{MaxRetries: -1},
		},
		DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func partnerCenter(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	server, err := emulator.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func client(t *testing.T, bearer wrapper.BearerFunc, service *emulator.Server) *wrapper.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := wrapper.NewClient(bearer, wrapper.WithBaseURL(service.URL), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCredential_GivesTheTokenOfASignedInSource(t *testing.T) {
	service := partnerCenter(t)
	source := wrapper.NewTokenSource(client(t, azureauth.Bearer(signIn(t, "secret")), service))
	cred := azureauth.Credential(source)
	for _, scope := range []string{
		azureauth.Scope, azureauth.ScopeChina, "https://api.partnercenter.microsoft.com/user_impersonation",
		"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default",
	} {
		got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := source.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Token != want.AccessToken || !got.ExpiresOn.Equal(want.ExpiresAt) {
			t.Errorf("%s: expires on %v, want %v; the token is the source's: %t", scope, got.ExpiresOn, want.ExpiresAt, got.Token == want.AccessToken)
		}
		if in := time.Until(got.RefreshOn); in < 47*time.Minute || in > 48*time.Minute {
			t.Errorf("%s: refresh in %v, want four fifths of an hour", scope, in)
		}
	}
	if n := len(service.Requests()); n != 1 {
		t.Errorf("%d exchanges, want 1", n)
	}
}

func TestCredential_GivesTheSameTokenAsTheOtherAdapter(t *testing.T) {
	service := partnerCenter(t)
	source := wrapper.NewTokenSource(client(t, azureauth.Bearer(signIn(t, "secret")), service))
	asAzure, err := azureauth.Credential(source).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}})
	if err != nil {
		t.Fatal(err)
	}
	asOAuth, err := oauth2auth.TokenSource(t.Context(), source).Token()
	if err != nil {
		t.Fatal(err)
	}
	if asAzure.Token == "" || asAzure.Token != asOAuth.AccessToken || len(service.Requests()) != 1 {
		t.Errorf("the tokens are one: %t, after %d exchanges", asAzure.Token == asOAuth.AccessToken, len(service.Requests()))
	}
}

func TestBearer_OfAnotherAudienceIsRefused(t *testing.T) {
	bearer := azureauth.Bearer(signIn(t, "secret"), "https://graph.windows.net/.default")
	_, err := client(t, bearer, partnerCenter(t)).GenerateToken(t.Context())
	var e *wrapper.Error
	if !errors.As(err, &e) || !errors.Is(err, wrapper.ErrUnauthorized) || e.Code != "900420" {
		t.Errorf("got %v", err)
	}
}

func TestBearer_FailureReachesTheCallerAndSendsNothing(t *testing.T) {
	service := partnerCenter(t)
	_, err := client(t, azureauth.Bearer(signIn(t, "wrong")), service).GenerateToken(t.Context())
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || len(service.Requests()) != 0 {
		t.Errorf("%d requests; %v", len(service.Requests()), err)
	}
}

func TestCredential_AnswersForPartnerCenterAlone(t *testing.T) {
	service := partnerCenter(t)
	cred := azureauth.Credential(wrapper.NewTokenSource(client(t, wrapper.StaticBearer("a-bearer"), service)))
	for _, scopes := range [][]string{
		{"https://management.azure.com/.default"},
		{"https://api.partnercenter.microsoft.com.evil.example/.default"},
		{azureauth.Scope, "https://graph.microsoft.com/.default"},
		{""},
		nil,
	} {
		_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: scopes})
		if err == nil || len(scopes) > 0 && !strings.Contains(err.Error(), fmt.Sprintf("%q", scopes[len(scopes)-1])) {
			t.Errorf("%q: %v", scopes, err)
		}
	}
	if n := len(service.Requests()); n != 0 {
		t.Errorf("%d exchanges for other services", n)
	}
}

func TestCredential_ErrorsAreTheSources(t *testing.T) {
	service := partnerCenter(t, emulator.WithFaults(emulator.Fault{Status: 403}))
	cred := azureauth.Credential(wrapper.NewTokenSource(client(t, wrapper.StaticBearer("a-bearer"), service)))
	if _, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}}); !errors.Is(err, wrapper.ErrForbidden) {
		t.Errorf("got %v", err)
	}
}

func TestCredential_UnknownLifetimeIsFiveMinutes(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer silent.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := wrapper.NewClient(wrapper.StaticBearer("a-bearer"), wrapper.WithBaseURL(silent.URL), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := azureauth.Credential(wrapper.NewTokenSource(c)).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}})
	if in := time.Until(got.ExpiresOn); err != nil || in < 4*time.Minute || in > 5*time.Minute {
		t.Errorf("expires in %v, %v", in, err)
	}
}

func TestCredential_WorksInAzcoresPipeline(t *testing.T) {
	service := partnerCenter(t)
	source := wrapper.NewTokenSource(client(t, wrapper.StaticBearer("a-bearer"), service))
	var got string
	resource := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer resource.Close()
	authenticate := runtime.NewBearerTokenPolicy(azureauth.Credential(source), []string{azureauth.Scope}, nil)
	pipeline := runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{authenticate}},
		&policy.ClientOptions{Transport: resource.Client()})
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, resource.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pipeline.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	token, err := source.Token(t.Context())
	if err != nil || got != "Bearer "+token.AccessToken {
		t.Errorf("the resource got %q, %v", got, err)
	}
}
