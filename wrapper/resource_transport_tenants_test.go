package wrapper_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// tenantService gives each bearer tokens of its own, and refuses a token after some requests.
type tenantService struct {
	mu     sync.Mutex
	issued int
	owner  map[string]string // of a token
	left   map[string]int    // how many requests a token is still good for

	requests, refused, mixed atomic.Int64
}

func (s *tenantService) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	authorization := r.Header.Get("Authorization")
	if r.Method == http.MethodPost { // the token endpoint; it is sent the tenant as the bearer
		s.issued++
		token := fmt.Sprint("token-", s.issued)
		s.owner["Bearer "+token], s.left["Bearer "+token] = authorization, 10
		return (&script{answers: []answer{{status: 200, body: fmt.Sprintf(`{"access_token":%q,"expires_in":3600}`, token)}}}).RoundTrip(r)
	}
	s.requests.Add(1)
	if s.owner[authorization] != "Bearer "+r.URL.Query().Get("tenant") {
		s.mixed.Add(1)
	}
	if s.left[authorization]--; s.left[authorization] < 0 {
		s.refused.Add(1)
		return (&script{answers: []answer{unauthorized("")}}).RoundTrip(r)
	}
	return (&script{answers: []answer{{status: 200}}}).RoundTrip(r)
}

func TestTransport_TenantsOfOneBaseNeverGetEachOthersTokens(t *testing.T) {
	const tenants, callers, requests = 8, 4, 10
	service := &tenantService{owner: map[string]string{}, left: map[string]int{}}
	var done sync.WaitGroup
	for i := range tenants {
		tenant := fmt.Sprint("tenant-", i)
		client, err := wrapper.NewClient(wrapper.StaticBearer(tenant), wrapper.WithHTTPClient(&http.Client{Transport: service}))
		if err != nil {
			t.Fatal(err)
		}
		partner := &http.Client{Transport: wrapper.NewTransport(wrapper.NewTokenSource(client), service)}
		for range callers {
			done.Go(func() {
				for range requests {
					req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.partnercenter.microsoft.com/?tenant="+tenant, nil)
					if err != nil {
						t.Error(err)
						return
					}
					resp, err := partner.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
				}
			})
		}
	}
	done.Wait()
	if service.mixed.Load() != 0 || service.refused.Load() == 0 || service.requests.Load() < tenants*callers*requests {
		t.Errorf("of %d requests, %d were refused and %d had another tenant's token", service.requests.Load(), service.refused.Load(), service.mixed.Load())
	}
}
