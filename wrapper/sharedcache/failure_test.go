package sharedcache_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// failing answers all requests so.
func failing(status int, retryAfter string) func(int) (*http.Response, error) {
	return func(int) (*http.Response, error) {
		return respond(status, retryAfter, `{"code":"1","description":"no","source":"test"}`), nil
	}
}

func TestThrottling_IsToldToAllForAsLongAsTheServiceAsked(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{answer: failing(429, "60")}, &memory{}
		sources := fleet(t, 200, e, store)
		began := time.Now()
		for time.Since(began) < 5*time.Minute {
			for _, err := range askAll(t, sources).errs {
				var refused *wrapper.Error
				if !errors.As(err, &refused) || !errors.Is(err, wrapper.ErrThrottled) || refused.RetryAfter > time.Minute || refused.Code != "1" {
					t.Fatalf("got %v", err)
				}
			}
			pass(time.Second)
		}
		if n := e.count(); n > 6 {
			t.Errorf("%d requests in five minutes", n)
		}
		e.answer = nil
		pass(time.Minute)
		if got := askAll(t, sources); len(got.errs) > 0 || len(got.tokens) != 1 {
			t.Errorf("%d errors after it: %v", len(got.errs), got.errs[0])
		}
	})
}

func TestThrottling_IsObeyedWithoutTheStoreToo(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		s := source(t, e, store)
		mustToken(t, s)
		store.fail(func(string, string) error { return errors.New("connection refused") })
		e.answer = failing(429, "900")
		call(t, []*wrapper.TokenSource{s}, 59*time.Minute, 10*time.Second)
		e.mu.Lock()
		defer e.mu.Unlock()
		for i := 2; i < len(e.asked); i++ {
			if gap := e.asked[i].Sub(e.asked[i-1]); gap < 15*time.Minute {
				t.Errorf("a request came %v after the one before", gap)
			}
		}
		if len(e.asked) < 2 {
			t.Error("the source did not go on alone")
		}
	})
}

func TestFailures_AreSharedIfTheyAreTheServices(t *testing.T) {
	tests := map[string]struct {
		answer   func(int) (*http.Response, error)
		requests int // of ten cold sources
	}{
		"429":        {failing(429, "30"), 1},
		"500":        {failing(500, ""), 4},
		"503 for 20": {failing(503, "20"), 1},
		"403":        {failing(403, ""), 10},
		"501":        {failing(501, ""), 10},
		"no network": {func(int) (*http.Response, error) { return nil, errors.New("connection refused") }, 40},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e := &endpoint{answer: test.answer}
				got := askAll(t, fleet(t, 10, e, &memory{}))
				if len(got.errs) != 10 || e.count() != test.requests {
					t.Errorf("%d errors after %d requests, want %d", len(got.errs), e.count(), test.requests)
				}
				if got.slowest > 25*time.Second {
					t.Errorf("an error took %v", got.slowest)
				}
			})
		})
	}
}

func TestFailureOfOneReplica_KeepsNoOtherFromAToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		good, store := &endpoint{}, &memory{}
		bad := &endpoint{answer: func(int) (*http.Response, error) { return nil, errors.New("no route to host") }}
		broken := source(t, bad, store)
		go func() { _, _ = broken.Token(t.Context()) }()
		pass(10 * time.Millisecond) // it has the lease
		if _, took := timed(t, source(t, good, store)); took > 10*time.Second {
			t.Errorf("a token took %v", took)
		}
		pass(time.Second) // for which a source repeats its own failure
		if token := mustToken(t, broken); token.AccessToken != "canary-token-1" {
			t.Errorf("the broken replica got %v", token)
		}
	})
}

func TestLeaseHolderThatNeverReturns_DelaysOthersByItsLease(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		e, store := &endpoint{}, &memory{}
		stuck := source(t, roundTrip(func(*http.Request) (*http.Response, error) { <-release; return nil, errors.New("released") }), store)
		go func() { _, _ = stuck.Token(t.Context()) }()
		pass(10 * time.Millisecond)
		got := askAll(t, fleet(t, 100, e, store))
		if len(got.errs) > 0 || got.slowest > 15*time.Second || e.count() != 1 {
			t.Errorf("a token took %v; %d errors, %d exchanges", got.slowest, len(got.errs), e.count())
		}
	})
}

func TestRenewalThatNeverReturns_IsTakenOverByAnother(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var hung atomic.Bool
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 10, roundTrip(func(r *http.Request) (*http.Response, error) {
			if e.count() > 0 && hung.CompareAndSwap(false, true) {
				<-release // whatever its context says
			}
			return e.RoundTrip(r)
		}), store)
		askAll(t, sources)
		call(t, sources, 3*time.Hour, 10*time.Second)
		if n := e.count(); n > 6 || !hung.Load() {
			t.Errorf("%d exchanges in three hours", n)
		}
	})
}

func TestExchangeThatPanics_ReleasesItsLease(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("in the bearer") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store := &endpoint{}, &memory{}
				c, err := wrapper.NewClient(func(context.Context) (string, error) { end(); return "", nil })
				if err != nil {
					t.Fatal(err)
				}
				if _, err := wrapper.NewTokenSource(c, use(store)).Token(t.Context()); err == nil {
					t.Fatal("got a token")
				}
				if _, took := timed(t, source(t, e, store)); took != latency {
					t.Errorf("the next token took %v", took)
				}
			})
		})
	}
}

func TestExchangeSlowerThanItsLease_CostsAnExchangeAndNoMore(t *testing.T) {
	tests := map[string]struct {
		delay     time.Duration // of every exchange
		exchanges int
	}{
		"a little": {13 * time.Second, 2}, // the first comes while the second is under way, and serves all
		"much":     {20 * time.Second, 50},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e := &endpoint{delay: test.delay}
				got := askAll(t, fleet(t, 50, e, &memory{}))
				if len(got.errs) > 0 || e.count() > test.exchanges || got.slowest > 15*time.Second+test.delay+time.Second {
					t.Errorf("%d exchanges, %d errors, the slowest call took %v", e.count(), len(got.errs), got.slowest)
				}
			})
		})
	}
}

func TestRenewalSlowerThanItsLease_ServesAll(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{delay: 20 * time.Second}
		sources := fleet(t, 200, e, &memory{})
		askAll(t, sources)
		warm := e.count()
		call(t, sources, 10*time.Hour, 10*time.Second)
		if n := e.count() - warm; n > 3*10*60/36 {
			t.Errorf("%d exchanges in ten hours", n)
		}
	})
}

func TestWaiting_LeavesTimeForAnExchangeWithinTheLimit(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		store := &memory{}
		slow := source(t, &endpoint{delay: time.Minute}, store)
		go func() { _, _ = slow.Token(t.Context()) }()
		pass(10 * time.Millisecond)
		if _, took := timed(t, source(t, &endpoint{}, store, wrapper.WithExchangeTimeout(3*time.Second))); took > 3*time.Second {
			t.Errorf("a token took %v", took)
		}
	})
}

func TestQuota_IsNotUsedUpByAColdFleet(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var mu sync.Mutex
		made := 0
		e := &endpoint{answer: func(int) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if made++; made > 60 {
				return respond(429, "60", ""), nil
			}
			return nil, nil
		}}
		if got := askAll(t, fleet(t, 200, e, &memory{})); len(got.errs) > 0 {
			t.Errorf("%d calls failed", len(got.errs))
		}
	})
}

// It holds the lease again and again, and says each time that the exchange failed.
func TestFailureOfOneColdReplica_PutsOffNoRenewal(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 20, e, store)
		askAll(t, sources)
		broken := wrapper.NewTokenSource(client(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("no route to host")
		})), use(store), wrapper.WithExpiryMargin(50*time.Minute)) // so that the fleet's token is of no use to it for long
		for range 3 * time.Hour / (10 * time.Second) {
			_, _ = broken.Token(t.Context())
			call(t, sources, 10*time.Second, 10*time.Second)
		}
		if n := e.count(); n < 3*60/40 || n > 3*60/35+1 {
			t.Errorf("%d exchanges in three hours", n)
		}
	})
}

func TestCallThatWasGivenUp_ChangesNothingWhenItEnds(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		release := make(chan struct{})
		var requests atomic.Int64
		e, store := &endpoint{}, &memory{}
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if requests.Add(1) == 1 {
				<-release // whatever its context says
				return nil, errors.New("released")
			}
			return e.RoundTrip(r)
		}), store)
		if _, err := s.Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		pass(time.Second)
		mustToken(t, s)
		close(release)
		pass(time.Second)
		store.fail(func(string, string) error { return errors.New("connection refused") })
		call(t, []*wrapper.TokenSource{s}, 3*time.Hour, 10*time.Second)
	})
}
