package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// A thousand callers ask as often as they can, of a service in the worst of moods, for ten minutes. The log has what it
// gets to bear.
func TestTokenSource_DoesNotStorm(t *testing.T) {
	const (
		callers = 1000
		minutes = 10
	)
	useless := func(expiresIn string) func(n int64, r *http.Request) (*http.Response, error) {
		return func(n int64, r *http.Request) (*http.Response, error) {
			return tokenNamed(fmt.Sprintf("token-%d", n), expiresIn).RoundTrip(r)
		}
	}
	for name, test := range map[string]struct {
		answer func(n int64, r *http.Request) (*http.Response, error)
		use    func(s *wrapper.TokenSource, token *wrapper.Token)
		most   int64 // requests
	}{
		// Nine distances grow to 30 s, those that follow are 15 s at least.
		"refused tokens": {useless("3600"), (*wrapper.TokenSource).Invalidate, 10 + minutes*4},
		"one token, refused": {func(_ int64, r *http.Request) (*http.Response, error) {
			return tokenNamed("the-same", "3600").RoundTrip(r)
		}, (*wrapper.TokenSource).Invalidate, 10 + minutes*4},
		"lifetimes of 10 s":  {useless("10"), nil, 10 + minutes*4},
		"lifetimes of 30 s":  {useless("30"), nil, 10 + minutes*4},
		"expired tokens":     {useless("-1"), nil, 10 + minutes*4},
		"short, and refused": {useless("10"), (*wrapper.TokenSource).Invalidate, 10 + minutes*4},
		"lifetimes of 31 s":  {useless("31"), nil, 4 + minutes*60},
		"429 for 5 minutes":  {throttled("300"), nil, minutes / 5},
		"429 for an hour":    {throttled("3600"), nil, minutes / 5},
		"500": {func(_ int64, r *http.Request) (*http.Response, error) {
			return (&script{answers: []answer{failing(500)}}).RoundTrip(r)
		}, nil, minutes * 60 * 4},
		"no answer":             {func(_ int64, r *http.Request) (*http.Response, error) { return hang(r) }, nil, 4 * (minutes/2 + 1)},
		"an answer without end": {func(_ int64, r *http.Request) (*http.Response, error) { return stall(r) }, nil, 4 * (minutes/2 + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int64
				s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					n := requests.Add(1)
					<-time.After(5 * time.Millisecond)
					return test.answer(n, r)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute-time.Millisecond)
				defer cancel()
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						for ctx.Err() == nil {
							token, err := s.Token(ctx)
							if err == nil && test.use != nil {
								test.use(s, token)
							}
							var e *wrapper.Error
							if err != nil && !errors.As(err, &e) {
								t.Errorf("got %v", err)
							}
							// What a caller does between two calls: little.
							select {
							case <-ctx.Done():
							case <-time.After(2*time.Second + time.Duration(i)*time.Millisecond):
							}
						}
					})
				}
				wg.Wait()
				pass(3 * time.Minute) // for what is under way to end
				n := requests.Load()
				t.Logf("%d requests in %d minutes, %.3f per second", n, minutes, float64(n)/(minutes*60))
				if n > test.most {
					t.Errorf("%d requests, want at most %d", n, test.most)
				}
				if n < 2 {
					t.Errorf("%d requests: it gave up", n)
				}
			})
		})
	}
}

func throttled(retryAfter string) func(int64, *http.Request) (*http.Response, error) {
	return func(_ int64, r *http.Request) (*http.Response, error) {
		return (&script{answers: []answer{failing(429, retryAfter)}}).RoundTrip(r)
	}
}

// tokenFrom is an endpoint whose tokens are useless until it is told otherwise.
func tokenFrom(useful *atomic.Bool, requests *[]time.Time) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		*requests = append(*requests, time.Now())
		expiresIn := "10"
		if useful.Load() {
			expiresIn = "3600"
		}
		return tokenNamed(fmt.Sprintf("token-%d", len(*requests)), expiresIn).RoundTrip(r)
	}
}

// atTheLongestDistance returns a source that has had twelve useless tokens, and what tokenFrom has of it.
func atTheLongestDistance(t *testing.T) (s *wrapper.TokenSource, useful *atomic.Bool, requests *[]time.Time) {
	useful, requests = new(atomic.Bool), new([]time.Time)
	s = source(t, tokenFrom(useful, requests))
	for range 12 {
		mustToken(t, s)
	}
	return s, useful, requests
}

func TestTokenSource_KeepsADistanceThatGrowsTo30Seconds(t *testing.T) {
	for name, refuse := range map[string]bool{"tokens that are too short": false, "tokens that are refused": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var useful atomic.Bool
				var requests []time.Time
				useful.Store(refuse)
				s := source(t, tokenFrom(&useful, &requests))
				for range 16 {
					token := mustToken(t, s) // waits, and does not fail
					if refuse {
						s.Invalidate(token)
					}
				}
				bound := 100 * time.Millisecond
				for i := 1; i < 16; i++ {
					gap := requests[i].Sub(requests[i-1])
					if gap < bound/2 || gap > bound {
						t.Errorf("exchange %d came after %v, want %v to %v", i+1, gap, bound/2, bound)
					}
					bound = min(2*bound, 30*time.Second)
				}
			})
		})
	}
}

// A token that is refused while its renewal is under way was of no use either.
func TestTokenSource_KeepsADistanceFromTokensRefusedDuringTheirRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			<-time.After(50 * time.Millisecond)
			return tokenNamed(fmt.Sprintf("token-%d", requests), "3600").RoundTrip(r)
		}), wrapper.WithRenewalWindow(1e-9, 1e-9)) // each call renews
		for start := time.Now(); time.Since(start) < 10*time.Minute; {
			token := mustToken(t, s)
			pass(10 * time.Millisecond)
			mustToken(t, s)
			s.Invalidate(token)
		}
		pass(time.Second) // for what is under way to end
		if requests > 100 {
			t.Errorf("%d requests in 10 minutes", requests)
		}
	})
}

func TestTokenSource_KeepsDistancesThatDifferBetweenSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gaps := map[time.Duration]bool{}
		for range 20 {
			var useful atomic.Bool
			var requests []time.Time
			s := source(t, tokenFrom(&useful, &requests))
			mustToken(t, s)
			mustToken(t, s)
			gaps[requests[1].Sub(requests[0])] = true
		}
		if len(gaps) < 10 {
			t.Errorf("20 sources kept %d distances", len(gaps))
		}
	})
}

func TestTokenSource_KeepsNoDistanceAfterATokenThatServed(t *testing.T) {
	for name, test := range map[string]struct {
		served time.Duration
		reset  bool
	}{"for 30 s": {30 * time.Second, true}, "for less": {29 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, useful, _ := atTheLongestDistance(t)
				useful.Store(true)
				token := mustToken(t, s)
				pass(test.served)
				s.Invalidate(token)
				for i, distance := range []time.Duration{0, 100 * time.Millisecond} {
					before := time.Now()
					token = mustToken(t, s)
					waited := time.Since(before)
					if test.reset && waited > distance {
						t.Errorf("exchange %d came after %v", i+1, waited)
					}
					if !test.reset && waited < 14*time.Second {
						t.Errorf("exchange %d came after %v", i+1, waited)
					}
					s.Invalidate(token)
				}
			})
		})
	}
}

// The token that served may have been renewed meanwhile.
func TestTokenSource_KeepsTheLeastDistanceAfterATokenThatServedUntilItsRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, useful, requests := atTheLongestDistance(t)
		useful.Store(true)
		mustToken(t, s)
		pass(50 * time.Minute)
		mustToken(t, s) // starts the renewal
		synctest.Wait()
		before := time.Now()
		s.Invalidate(mustToken(t, s))
		mustToken(t, s)
		checkEqual(t, "exchanges", len(*requests), 15)
		if waited := time.Since(before); waited > 100*time.Millisecond {
			t.Errorf("the exchange came after %v", waited)
		}
	})
}

func TestTokenSource_KeepsNoDistanceAfterTheFirstTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &endpoint{})
		first := mustToken(t, s)
		pass(time.Minute)
		before := time.Now()
		s.Invalidate(first)
		mustToken(t, s)
		checkEqual(t, "wait", time.Since(before), time.Second) // which the answer takes
	})
}

func TestTokenSource_EndsTheWaitForADistanceWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, requests := atTheLongestDistance(t)
		before := time.Now()
		_, err := tokenWithin(t, s, time.Second)
		checkEqual(t, "wait", time.Since(before), time.Second)
		checkEqual(t, "the caller's deadline", errors.Is(err, context.DeadlineExceeded), true)
		checkEqual(t, "retryable", asError(t, err).Retryable(), true)
		checkEqual(t, "requests", len(*requests), 12)
	})
}

// All who wait for an exchange get its token, though it expires at once.
func TestTokenSource_GivesAShortTokenToThoseWhoWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{expiresIn: "10"}
		s := source(t, e)
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { checkEqual(t, "token", mustToken(t, s).AccessToken, "token-1") })
		}
		callers.Wait()
		checkEqual(t, "exchanges", e.count(), 1)
	})
}

func TestTokenSource_DoesNotServeAShortTokenAgainThatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, tokenNamed("the-same", "10"))
		s.Invalidate(mustToken(t, s))
		if token, err := tokenWithin(t, s, time.Minute); err == nil {
			t.Errorf("got %v", token)
		}
	})
}

func TestTokenSource_ServesAValidTokenWhileRenewalsBringShortOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var useful atomic.Bool
		var requests []time.Time
		useful.Store(true)
		s := source(t, tokenFrom(&useful, &requests))
		first := mustToken(t, s)
		useful.Store(false)
		for time.Until(first.ExpiresAt) > 31*time.Second {
			checkEqual(t, "token", mustToken(t, s), first)
			pass(time.Second)
		}
		if n := len(requests); n < 3 || n > 12 {
			t.Errorf("%d exchanges", n)
		}
	})
}
