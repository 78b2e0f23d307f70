package sharedcache

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

const (
	identity = "canary-tenant/canary-application"
	secret   = "canary-secret-of-32-random-bytes"
	bearer   = "canary-bearer"
	latency  = 200 * time.Millisecond
)

// startService runs an endpoint that takes its time.
func startService(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	opts = append(opts, emulator.WithFaults(emulator.Fault{Delay: latency, Every: 1}))
	service, err := emulator.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	return service
}

func newSource(url string, transport http.RoundTripper, store sharedcache.Store) (*wrapper.TokenSource, error) {
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(url),
		wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		return nil, err
	}
	return wrapper.NewTokenSource(client, sharedcache.Use(store, identity, []byte(secret))), nil
}

func sources(t *testing.T, n int, service *emulator.Server, store sharedcache.Store) []*wrapper.TokenSource {
	t.Helper()
	var all []*wrapper.TokenSource
	for range n {
		s, err := newSource(service.URL, service.Client().Transport, store)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// askAll makes a call to each source at once. It returns their tokens, how many failed, and the longest wait.
func askAll(t *testing.T, all []*wrapper.TokenSource) (tokens map[string]*wrapper.Token, failed int, slowest time.Duration) {
	t.Helper()
	tokens = map[string]*wrapper.Token{}
	var mu sync.Mutex
	var calls sync.WaitGroup
	for _, s := range all {
		calls.Go(func() {
			asked := time.Now()
			token, err := s.Token(t.Context())
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(asked))
			if err != nil {
				failed++
				t.Log(err)
				return
			}
			tokens[token.AccessToken] = token
		})
	}
	calls.Wait()
	return tokens, failed, slowest
}

func TestFleet_ColdSourcesMakeOneExchange(t *testing.T) {
	for name := range clients {
		t.Run(name, func(t *testing.T) {
			e, service := startEngine(t), startService(t)
			tokens, failed, slowest := askAll(t, sources(t, 1000, service, open(t, name, e.address)))
			if n := len(service.Requests()); n != 1 || failed > 0 || len(tokens) != 1 {
				t.Errorf("1,000 sources: %d exchanges, %d tokens, %d failed", n, len(tokens), failed)
			}
			t.Logf("the slowest of 1,000 waited %v", slowest)
		})
	}
}

func TestFleet_StaysWithinAQuota(t *testing.T) {
	e, service := startEngine(t), startService(t, emulator.WithQuota(60))
	if _, failed, _ := askAll(t, sources(t, 200, service, open(t, "go-redis", e.address))); failed > 0 {
		t.Errorf("%d calls failed", failed)
	}
}

func TestFleet_ReplacesARefusedTokenOnce(t *testing.T) {
	e, service := startEngine(t), startService(t)
	all := sources(t, 100, service, open(t, "valkey-go", e.address))
	tokens, _, _ := askAll(t, all)
	for _, token := range tokens {
		for _, s := range all {
			s.Invalidate(token)
		}
	}
	next, failed, _ := askAll(t, all)
	if n := len(service.Requests()); n != 2 || failed > 0 || len(next) != 1 {
		t.Errorf("%d exchanges, %d tokens, %d failed", n, len(next), failed)
	}
	for text := range next {
		if tokens[text] != nil {
			t.Error("the refused token is back")
		}
	}
}

func TestEngine_HoldsNeitherTokenNorIdentityNorBearer(t *testing.T) {
	e, service := startEngine(t), startService(t)
	all := sources(t, 2, service, open(t, "go-redis", e.address))
	seen := map[string]*wrapper.Token{}
	for range 3 {
		tokens, _, _ := askAll(t, all)
		for text, token := range tokens {
			seen[text] = token
			all[0].Invalidate(token)
		}
	}
	written := e.written(t)
	if len(seen) < 2 || len(written) < 1000 {
		t.Fatalf("%d tokens, %d bytes", len(seen), len(written))
	}
	texts := []string{identity, "canary", bearer, secret, service.URL, "access_token", "AccessToken"}
	for text, token := range seen {
		texts = append(texts, text, text[:16], hex.EncodeToString([]byte(text)), token.RequestID, token.CorrelationID)
	}
	for _, text := range texts {
		if bytes.Contains(written, []byte(text)) {
			t.Errorf("the engine holds %q", text)
		}
	}
}

func TestEngineOfNoUse_DelaysAFirstTokenByLessThanASecond(t *testing.T) {
	tests := map[string]func(t *testing.T, e *engine){
		"stopped": func(_ *testing.T, e *engine) { e.stop() },
		"frozen": func(t *testing.T, e *engine) {
			if err := e.process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		},
		"not writing": func(t *testing.T, e *engine) {
			client := redis.NewClient(&redis.Options{Addr: e.address})
			defer client.Close()
			if err := client.ConfigSet(context.Background(), "min-replicas-to-write", "1").Err(); err != nil {
				t.Fatal(err)
			}
		},
		"full": func(t *testing.T, e *engine) {
			client := redis.NewClient(&redis.Options{Addr: e.address})
			defer client.Close()
			if err := client.ConfigSet(context.Background(), "maxmemory", "1").Err(); err != nil {
				t.Fatal(err)
			}
		},
		"evicting at once": func(t *testing.T, e *engine) {
			client := redis.NewClient(&redis.Options{Addr: e.address})
			defer client.Close()
			for name, value := range map[string]string{"maxmemory-policy": "allkeys-lru", "maxmemory": "1"} {
				if err := client.ConfigSet(context.Background(), name, value).Err(); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, spoil := range tests {
		for client := range clients {
			t.Run(fmt.Sprintf("%s, %s", name, client), func(t *testing.T) {
				e, service := startEngine(t), startService(t)
				all := sources(t, 10, service, open(t, client, e.address))
				spoil(t, e)
				_, failed, slowest := askAll(t, all)
				if failed > 0 || slowest > latency+time.Second {
					t.Errorf("%d failed, the slowest waited %v", failed, slowest)
				}
				if _, _, slowest := askAll(t, all); slowest > 100*time.Millisecond {
					t.Errorf("a second call waited %v", slowest)
				}
			})
		}
	}
}

func TestThrottling_IsSharedByAllWhoAreCold(t *testing.T) {
	e := startEngine(t)
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 429, RetryAfter: 30 * time.Second, Every: 1}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	store := open(t, "valkey-go", e.address)
	first := sources(t, 100, service, store)
	if _, failed, _ := askAll(t, first); failed != 100 {
		t.Errorf("%d of 100 failed", failed)
	}
	late := sources(t, 1, service, store)[0]
	var refused *wrapper.Error
	if _, err := late.Token(t.Context()); !errors.As(err, &refused) || refused.RetryAfter > 30*time.Second || refused.RetryAfter < 10*time.Second {
		t.Errorf("got %v", err)
	}
	if n := len(service.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
