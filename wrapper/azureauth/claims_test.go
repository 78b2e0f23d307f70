package azureauth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// resource is a server that refuses some tokens with a challenge of Continuous Access Evaluation.
type resource struct {
	mu      sync.Mutex
	refused map[string]bool
	got     []string
}

func (r *resource) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	authorization := req.Header.Get("Authorization")
	r.got = append(r.got, authorization)
	if r.refused[authorization] {
		claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true,"value":"1603742800"}}}`))
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="", error="insufficient_claims", claims="%s"`, claims))
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (r *resource) refuse(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = map[string]bool{}
	}
	r.refused["Bearer "+token] = true
}

// call sends a request through azcore's bearer token policy, and returns the status.
func call(t *testing.T, pipeline runtime.Pipeline, url string) int {
	t.Helper()
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, url)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pipeline.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func pipelineOf(cred azcore.TokenCredential, client *http.Client) runtime.Pipeline {
	authenticate := runtime.NewBearerTokenPolicy(cred, []string{azureauth.Scope}, nil)
	return runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{authenticate}},
		&policy.ClientOptions{Transport: client})
}

func bearerSource(t *testing.T) (*wrapper.TokenSource, *emulator.Server) {
	t.Helper()
	service := partnerCenter(t)
	return wrapper.NewTokenSource(client(t, wrapper.StaticBearer("a-bearer"), service)), service
}

func TestCredential_AnswersAChallengeWithAnotherToken(t *testing.T) {
	source, service := bearerSource(t)
	r := &resource{}
	server := httptest.NewTLSServer(r)
	defer server.Close()
	pipeline := pipelineOf(azureauth.Credential(source), server.Client())
	for round := range 2 { // the second token is refused as well
		held, err := source.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status := call(t, pipeline, server.URL); status != 200 {
			t.Errorf("round %d: %d before the token is refused", round, status)
		}
		r.refuse(held.AccessToken)
		if status := call(t, pipeline, server.URL); status != 200 {
			t.Errorf("round %d: %d after the token was refused", round, status)
		}
	}
	if n := len(service.Requests()); n != 3 {
		t.Errorf("%d exchanges, want 3", n)
	}
}

func TestCredential_KeepsATokenThatWasNotTheOneRefused(t *testing.T) {
	source, service := bearerSource(t)
	cred := azureauth.Credential(source)
	first, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}})
	if err != nil {
		t.Fatal(err)
	}
	source.Invalidate(&wrapper.Token{AccessToken: first.Token}) // somebody else was refused it and got another
	second, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}, Claims: "{}"})
	if err != nil || got.Token != second.AccessToken || len(service.Requests()) != 2 {
		t.Errorf("the source's token was given: %t, after %d exchanges; %v", got.Token == second.AccessToken, len(service.Requests()), err)
	}
}

func TestCredential_DropsTheSourcesTokenIfItGaveNoneItself(t *testing.T) {
	source, _ := bearerSource(t)
	held, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := azureauth.Credential(source).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azureauth.Scope}, Claims: "{}"})
	if err != nil || got.Token == held.AccessToken {
		t.Errorf("another token was given: %t; %v", got.Token != held.AccessToken, err)
	}
}
