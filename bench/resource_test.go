package bench

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const resourceURL = "https://api.partnercenter.microsoft.com/v1/customers?size=40"

// resources are ways to send a request to a resource with a token that is there already. The first is the floor.
var resources = []struct {
	name string
	make func(*testing.B) func(*http.Request) (*http.Response, error)
}{
	{"header by hand", func(b *testing.B) func(*http.Request) (*http.Response, error) {
		source, client := newSource(b), &http.Client{Transport: &memory{}}
		return func(req *http.Request) (*http.Response, error) {
			token, err := source.Token(req.Context())
			if err != nil {
				return nil, err
			}
			req.Header.Set("Authorization", "Bearer "+token.AccessToken)
			return client.Do(req)
		}
	}},
	{"wrapper.NewTransport", func(b *testing.B) func(*http.Request) (*http.Response, error) {
		return (&http.Client{Transport: wrapper.NewTransport(newSource(b), &memory{})}).Do
	}},
	{"oauth2.Transport", func(*testing.B) func(*http.Request) (*http.Response, error) {
		source := oauth2.ReuseTokenSource(&oauth2.Token{AccessToken: token, Expiry: time.Now().Add(time.Hour)}, nil)
		return (&http.Client{Transport: &oauth2.Transport{Source: source, Base: &memory{}}}).Do
	}},
	{"azcore's bearer policy", func(*testing.B) func(*http.Request) (*http.Response, error) {
		scopes := []string{"https://api.partnercenter.microsoft.com/.default"}
		pipeline := runtime.NewPipeline("bench", "v1", runtime.PipelineOptions{
			PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(heldCredential{}, scopes, nil)},
		}, &policy.ClientOptions{Transport: &http.Client{Transport: &memory{}}})
		return func(req *http.Request) (*http.Response, error) {
			own, err := runtime.NewRequestFromRequest(req)
			if err != nil {
				return nil, err
			}
			return pipeline.Do(own)
		}
	}},
}

// heldCredential has a token. azcore's policy asks it once in a token's lifetime.
type heldCredential struct{}

func (heldCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func newSource(b *testing.B) *wrapper.TokenSource {
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithHTTPClient(&http.Client{Transport: &memory{}}))
	if err != nil {
		b.Fatal(err)
	}
	return wrapper.NewTokenSource(client)
}

func BenchmarkResource(b *testing.B) {
	for _, way := range resources {
		b.Run("request to a resource, CPU alone/"+way.name, func(b *testing.B) {
			do, ctx := way.make(b), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, resourceURL, nil)
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("Accept", "application/json")
				resp, err := do(req)
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
