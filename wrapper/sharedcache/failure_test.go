package sharedcache_test

import (
	"errors"
	"net/http"
	"sync"
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

func TestThrottling_IsToldWithTheTimeThatIsLeft(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{answer: failing(429, "60")}, &memory{}
		if _, err := source(t, e, store).Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		pass(40 * time.Second)
		late := source(t, e, store)
		var refused *wrapper.Error
		if _, err := late.Token(t.Context()); !errors.As(err, &refused) || refused.RetryAfter > 20*time.Second || refused.RetryAfter < 19*time.Second {
			t.Errorf("after 40 seconds, got %v", err)
		}
		e.answer = nil
		pass(21 * time.Second)
		mustToken(t, late)
		if n := e.count(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestThrottling_BindsOthersForFiveMinutesAtMost(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{answer: failing(429, "900")}, &memory{}
		if _, err := source(t, e, store).Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		e.answer = nil
		pass(5*time.Minute - time.Second)
		if _, err := source(t, e, store).Token(t.Context()); err == nil || e.count() != 1 {
			t.Errorf("got %v after %d requests", err, e.count())
		}
		pass(2 * time.Second)
		mustToken(t, source(t, e, store))
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
		for range 2 * time.Hour / (10 * time.Second) {
			_, _ = broken.Token(t.Context())
			call(t, sources, 10*time.Second, 10*time.Second)
		}
		if n := e.count(); n < 2*60/40 || n > 2*60/35+1 {
			t.Errorf("%d exchanges in two hours", n)
		}
	})
}

func TestServiceOutage_IsNotHurriedWhenATokenEnds(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{}
		s := []*wrapper.TokenSource{source(t, e, &memory{})}
		mustToken(t, s[0])
		call(t, s, 35*time.Minute, time.Minute)
		e.answer = failing(503, "")
		call(t, s, 22*time.Minute, time.Second)
		before := e.count()
		call(t, s, 2*time.Minute+27*time.Second, time.Second)
		if n := e.count() - before; n < 1 || n > 4 {
			t.Errorf("%d requests in the last two and a half minutes", n)
		}
	})
}

func TestServiceThatIsBackInTheLastSeconds_KeepsNobodyWaiting(t *testing.T) {
	for range 50 {
		inFakeTime(t, func(t *testing.T) {
			e := &endpoint{}
			s := []*wrapper.TokenSource{source(t, e, &memory{})}
			mustToken(t, s[0])
			call(t, s, 35*time.Minute, time.Minute)
			e.answer = failing(503, "")
			call(t, s, 24*time.Minute-10*time.Second, time.Second)
			e.answer = nil
			call(t, s, 5*time.Minute, time.Second)
		})
	}
}
