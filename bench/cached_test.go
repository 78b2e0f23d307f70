package bench

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

// reads are ways to a token that is there already. The first is the floor.
var reads = []struct {
	name string
	make func(*testing.B) func() (string, error)
}{
	{"atomic load and time.Now", func(*testing.B) func() (string, error) {
		type held struct {
			token   string
			expires time.Time
		}
		var current atomic.Pointer[held]
		current.Store(&held{token, time.Now().Add(time.Hour)})
		return func() (string, error) {
			if h := current.Load(); time.Now().Before(h.expires) {
				return h.token, nil
			}
			return "", nil
		}
	}},
	{"wrapper", func(b *testing.B) func() (string, error) { return cached(b) }},
	{"wrapper with sharedcache", func(b *testing.B) func() (string, error) {
		return cached(b, sharedcache.Use(&oneValue{}, "tenant/application", []byte("sixteen random bytes")))
	}},
	{"oauth2.ReuseTokenSource", func(*testing.B) func() (string, error) {
		source := oauth2.ReuseTokenSource(&oauth2.Token{AccessToken: token, Expiry: time.Now().Add(time.Hour)}, nil)
		return func() (string, error) {
			t, err := source.Token()
			if err != nil {
				return "", err
			}
			return t.AccessToken, nil
		}
	}},
	{"azidentity", func(b *testing.B) func() (string, error) {
		entra, err := emulator.StartTLS(emulator.WithEntra())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(entra.Close)
		credential, err := azidentity.NewClientSecretCredential("5a3d9a0c-0000-4000-8000-47c7ecd2edbd", "an-application", "a-secret",
			&azidentity.ClientSecretCredentialOptions{
				ClientOptions: azcore.ClientOptions{
					Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: entra.URL}, Transport: entra.Client(),
				},
				DisableInstanceDiscovery: true,
			})
		if err != nil {
			b.Fatal(err)
		}
		ctx := context.Background()
		options := policy.TokenRequestOptions{Scopes: []string{"https://api.partnercenter.microsoft.com/.default"}}
		return func() (string, error) {
			t, err := credential.GetToken(ctx, options)
			return t.Token, err
		}
	}},
}

func BenchmarkCachedRead(b *testing.B) {
	for _, way := range reads {
		b.Run("cached read/"+way.name, func(b *testing.B) {
			read := way.make(b)
			mustRead(b, read)
			b.ReportAllocs()
			for b.Loop() {
				mustRead(b, read)
			}
		})
		b.Run("cached read, all cores/"+way.name, func(b *testing.B) {
			read := way.make(b)
			mustRead(b, read)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					mustRead(b, read)
				}
			})
		})
	}
}

func mustRead(b *testing.B, read func() (string, error)) {
	if got, err := read(); err != nil || got == "" {
		b.Errorf("%q, %v", got, err)
	}
}

func cached(b *testing.B, opts ...wrapper.SourceOption) func() (string, error) {
	c, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithHTTPClient(&http.Client{Transport: &memory{}}))
	if err != nil {
		b.Fatal(err)
	}
	source, ctx := wrapper.NewTokenSource(c, opts...), context.Background()
	return func() (string, error) {
		t, err := source.Token(ctx)
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}
}

// oneValue is a sharedcache.Store for one key, on which nothing expires while it is measured.
type oneValue struct {
	mu    sync.Mutex
	value []byte
}

func (s *oneValue) Get(context.Context, string) ([]byte, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, time.Hour, nil
}

func (s *oneValue) Swap(_ context.Context, _ string, old, value []byte, _ time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(s.value, old) {
		return false, nil
	}
	s.value = value
	return true, nil
}
