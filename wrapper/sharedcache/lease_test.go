package sharedcache_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

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

func TestExchangeThatRunsOutOfTime_ReleasesItsLease(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		store := &memory{}
		slow := source(t, &endpoint{delay: time.Minute}, store, wrapper.WithExchangeTimeout(3*time.Second))
		if _, err := slow.Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		if _, took := timed(t, source(t, &endpoint{}, store)); took != latency {
			t.Errorf("the next token took %v", took)
		}
	})
}

func TestExchangeThatFailsAfterItsLease_LeavesTheNextOneAlone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		bad, good, store := &endpoint{delay: 13 * time.Second, answer: failing(403, "")}, &endpoint{delay: 5 * time.Second}, &memory{}
		broken := source(t, bad, store)
		go func() { _, _ = broken.Token(t.Context()) }()
		pass(time.Second)
		next := source(t, good, store)
		go func() { _, _ = next.Token(t.Context()) }()
		pass(13 * time.Second) // the first lease is over, and the failure known
		if _, took := timed(t, source(t, good, store)); took > 5*time.Second || good.count() != 1 {
			t.Errorf("a token came after %v and %d exchanges", took, good.count())
		}
	})
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

func TestExchangeSlowerThanAnother_DoesNotReplaceItsToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		slow := source(t, &endpoint{delay: 20 * time.Second, answer: given("slow")}, store)
		go func() { _, _ = slow.Token(t.Context()) }()
		pass(time.Second)
		token := mustToken(t, source(t, e, store)) // when the lease is over
		pass(10 * time.Second)
		if later := mustToken(t, source(t, e, store)); later.AccessToken != token.AccessToken || e.count() != 1 {
			t.Errorf("after %v, got %v", token, later)
		}
	})
}

func TestTokenTooShortForItsSource_ReplacesNone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		token := mustToken(t, source(t, e, store))
		mustToken(t, source(t, e, store, wrapper.WithExpiryMargin(2*time.Hour)))
		if later := mustToken(t, source(t, e, store)); later.AccessToken != token.AccessToken || e.count() != 2 {
			t.Errorf("after %v, got %v", token, later)
		}
	})
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

func TestWaiting_LeavesTimeForAnExchangeWithinTheLimitThatServesAll(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		store := &memory{}
		slow := source(t, &endpoint{delay: time.Minute}, store)
		go func() { _, _ = slow.Token(t.Context()) }()
		pass(10 * time.Millisecond)
		if _, took := timed(t, source(t, &endpoint{}, store, wrapper.WithExchangeTimeout(3*time.Second))); took > 3*time.Second {
			t.Errorf("a token took %v", took)
		}
		if _, took := timed(t, source(t, &endpoint{}, store)); took > 0 {
			t.Errorf("the next token took %v", took)
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

func TestLeaseThatIsAlwaysThere_DelaysNobodyForLong(t *testing.T) {
	for _, seconds := range []string{"3600", "300"} {
		t.Run(seconds, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store := &endpoint{expiresIn: seconds}, &memory{}
				var lease []byte // somebody keeps the first lease there for ever
				var at string
				store.put = func(key string, _, value []byte, _ time.Duration) (bool, bool) {
					if lease == nil {
						lease, at = value, key
						return true, false
					}
					return false, false
				}
				store.given = func(key string, value []byte, left time.Duration) ([]byte, time.Duration) {
					if key == at {
						return lease, time.Hour
					}
					return value, left
				}
				sources := fleet(t, 10, e, store)
				if got := askAll(t, sources); len(got.errs) > 0 || got.slowest > 16*time.Second {
					t.Errorf("a first token took %v; %d errors", got.slowest, len(got.errs))
				}
				call(t, sources, time.Hour, time.Second)
			})
		})
	}
}

// A replica whose clock is ahead reads an end that lies back.
func TestClocksThatDifferByMinutes_DoNotMatter(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		store := &memory{}
		go func() { _, _ = source(t, &endpoint{delay: 5 * time.Second}, store).Token(t.Context()) }()
		pass(time.Second)
		var lease []byte
		store.mu.Lock()
		for _, kept := range store.entries {
			lease = kept.value
		}
		store.mu.Unlock()
		pass(5 * time.Minute)
		began := time.Now()
		e, skewed := &endpoint{}, &memory{given: func(_ string, value []byte, left time.Duration) ([]byte, time.Duration) {
			if since := time.Since(began); since < 10*time.Second {
				return lease, 10*time.Second - since
			}
			return value, left
		}}
		if _, took := timed(t, source(t, e, skewed)); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("a lease of 10 seconds was heeded for %v", took)
		}
	})
}
