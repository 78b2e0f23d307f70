package sharedcache_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

const (
	identity = "canary-tenant/canary-application"
	latency  = 200 * time.Millisecond // of an exchange
)

var secret = []byte("canary-secret-of-32-random-bytes")

// memory is a store in fake time. Its hooks make it a bad one.
type memory struct {
	before func(operation, key string) error                                              // may block, too
	given  func(key string, value []byte, left time.Duration) ([]byte, time.Duration)     // what Get gives instead
	put    func(key string, old, value []byte, ttl time.Duration) (handled, swapped bool) // what Swap does instead

	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	value []byte
	until time.Time
}

// fail has the store be as before makes it from now on.
func (m *memory) fail(before func(operation, key string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

func (m *memory) hook(operation, key string) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(operation, key)
}

func (m *memory) current(key string) ([]byte, time.Duration) {
	if e, ok := m.entries[key]; ok && time.Until(e.until) > 0 {
		return e.value, time.Until(e.until)
	}
	return nil, 0
}

func (m *memory) Get(_ context.Context, key string) ([]byte, time.Duration, error) {
	if err := m.hook("get", key); err != nil {
		return nil, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value, left := m.current(key)
	if m.given != nil {
		value, left = m.given(key, value, left)
	}
	return value, left, nil
}

func (m *memory) Swap(_ context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	if err := m.hook("swap", key); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.put != nil {
		if handled, swapped := m.put(key, old, value, ttl); handled {
			return swapped, nil
		}
	}
	if current, _ := m.current(key); string(current) != string(old) {
		return false, nil
	}
	if m.entries == nil {
		m.entries = map[string]entry{}
	}
	delete(m.entries, key)
	if value != nil {
		m.entries[key] = entry{value, time.Now().Add(ttl)}
	}
	return true, nil
}

// endpoint is a token endpoint in fake time. Each of its tokens is another one.
type endpoint struct {
	expiresIn string                              // the member's value in JSON; an hour if it is empty
	answer    func(n int) (*http.Response, error) // another answer than a token to the nth request, if it is not nil
	delay     time.Duration                       // instead of latency
	same      bool                                // all its tokens are the same

	mu    sync.Mutex
	asked []time.Time
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked = append(e.asked, time.Now())
	n := len(e.asked)
	e.mu.Unlock()
	delay := latency
	if e.delay > 0 {
		delay = e.delay
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if e.answer != nil {
		if answer, err := e.answer(n); answer != nil || err != nil {
			return answer, err
		}
	}
	expiresIn := e.expiresIn
	if expiresIn == "" {
		expiresIn = "3600"
	}
	if e.same {
		n = 1
	}
	return respond(200, "", fmt.Sprintf(`{"access_token":"canary-token-%d","token_type":"bearer","expires_in":%s}`, n, expiresIn)), nil
}

func respond(status int, retryAfter, body string) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// peak returns the requests a minute in the five busiest minutes that follow each other.
func (e *endpoint) peak(from time.Time, d time.Duration) float64 {
	const window = 5
	perMinute := make([]int, d/time.Minute)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.asked {
		if since := at.Sub(from); since >= 0 && since < d {
			perMinute[since/time.Minute]++
		}
	}
	most := 0
	for i := range len(perMinute) - window + 1 {
		sum := 0
		for _, n := range perMinute[i : i+window] {
			sum += n
		}
		most = max(most, sum)
	}
	return float64(most) / window
}

func client(t *testing.T, rt http.RoundTripper, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	opts = append([]wrapper.Option{wrapper.WithHTTPClient(&http.Client{Transport: rt})}, opts...)
	c, err := wrapper.NewClient(wrapper.StaticBearer("canary-bearer"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// source returns a source of a replica of its own.
func source(t *testing.T, rt http.RoundTripper, store sharedcache.Store, opts ...wrapper.SourceOption) *wrapper.TokenSource {
	t.Helper()
	return wrapper.NewTokenSource(client(t, rt), append([]wrapper.SourceOption{sharedcache.Use(store, identity, secret)}, opts...)...)
}

func fleet(t *testing.T, n int, rt http.RoundTripper, store sharedcache.Store) []*wrapper.TokenSource {
	t.Helper()
	var all []*wrapper.TokenSource
	for range n {
		all = append(all, source(t, rt, store))
	}
	return all
}

func mustToken(t *testing.T, s *wrapper.TokenSource) *wrapper.Token {
	t.Helper()
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// timed returns a token and how long it took to come.
func timed(t *testing.T, s *wrapper.TokenSource) (*wrapper.Token, time.Duration) {
	t.Helper()
	asked := time.Now()
	token := mustToken(t, s)
	return token, time.Since(asked)
}

// outcome is what one call to each of many sources brought.
type outcome struct {
	tokens  map[string]int
	errs    []error
	slowest time.Duration
}

func askAll(t *testing.T, sources []*wrapper.TokenSource) outcome {
	t.Helper()
	got := outcome{tokens: map[string]int{}}
	var mu sync.Mutex
	var calls sync.WaitGroup
	for _, s := range sources {
		calls.Go(func() {
			asked := time.Now()
			token, err := s.Token(t.Context())
			mu.Lock()
			defer mu.Unlock()
			got.slowest = max(got.slowest, time.Since(asked))
			if err != nil {
				got.errs = append(got.errs, err)
			} else {
				got.tokens[token.AccessToken]++
			}
		})
	}
	calls.Wait()
	return got
}

// call asks all sources at an interval for a while. No call may fail or wait, and no token be about to expire.
func call(t *testing.T, sources []*wrapper.TokenSource, d, interval time.Duration) {
	t.Helper()
	for range d / interval {
		for _, s := range sources {
			token, took := timed(t, s)
			if took > 0 {
				t.Fatalf("a call waited %v", took)
			}
			if left := time.Until(token.ExpiresAt); !token.ExpiresAt.IsZero() && left <= 30*time.Second {
				t.Fatalf("a token was served %v before its end", left)
			}
		}
		pass(interval)
	}
}

// pass lets fake time pass, and the sources do what they have to meanwhile.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// inFakeTime runs a test in a bubble, and lets what was left behind end.
func inFakeTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		<-time.After(10 * time.Minute)
	})
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func use(store sharedcache.Store) wrapper.SourceOption { return useAs(store, identity, secret) }

func useAs(store sharedcache.Store, identity string, secret []byte) wrapper.SourceOption {
	return sharedcache.Use(store, identity, secret)
}

// storeOf is one replica's view of a store.
type storeOf struct {
	*memory
	before func(operation string)
}

func (s storeOf) Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	s.before("swap")
	return s.memory.Swap(ctx, key, old, value, ttl)
}
