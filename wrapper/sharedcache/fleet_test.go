package sharedcache_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestFleet_MakesOneExchangeHoweverManySourcesAreCold(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		got := askAll(t, fleet(t, 1000, e, store))
		if e.count() != 1 || got.tokens["canary-token-1"] != 1000 {
			t.Errorf("%d exchanges, %d errors", e.count(), len(got.errs))
		}
		if got.slowest > latency+250*time.Millisecond {
			t.Errorf("a caller waited %v", got.slowest)
		}
		if _, took := timed(t, source(t, e, store)); took > 0 || e.count() != 1 {
			t.Errorf("a source that came later waited %v, after %d exchanges", took, e.count())
		}
	})
}

func TestFleet_ServesAtOnceATokenThatIsDueToBeRenewed(t *testing.T) {
	for _, age := range []time.Duration{45 * time.Minute, 59*time.Minute + 15*time.Second} {
		t.Run(age.String(), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store := &endpoint{}, &memory{}
				mustToken(t, source(t, e, store))
				pass(age)
				late := source(t, e, store)
				if token, took := timed(t, late); token.AccessToken != "canary-token-1" || took > 0 {
					t.Errorf("got %v after %v", token, took)
				}
				call(t, []*wrapper.TokenSource{late}, 2*time.Minute, time.Second)
				if token := mustToken(t, late); token.AccessToken != "canary-token-2" {
					t.Errorf("two minutes later it has %v", token)
				}
			})
		})
	}
}

func TestFleet_CostsInADayWhatOneSourceCosts(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{}
		sources := fleet(t, 50, e, &memory{})
		askAll(t, sources)
		call(t, sources, 24*time.Hour, 10*time.Second)
		if n := e.count(); n < 24*60/40 || n > 24*60/35 {
			t.Errorf("%d exchanges, want one in 36 to 39 minutes", n)
		}
	})
}

func TestFleetOfOne_RenewsAtTheSamePartOfAShortToken(t *testing.T) {
	for range 5 {
		inFakeTime(t, func(t *testing.T) {
			e := &endpoint{expiresIn: "600"}
			s := source(t, e, &memory{})
			mustToken(t, s)
			call(t, []*wrapper.TokenSource{s}, time.Hour, time.Second)
			e.mu.Lock()
			defer e.mu.Unlock()
			for i := 1; i < len(e.asked); i++ {
				if gap := e.asked[i].Sub(e.asked[i-1]); gap < 358*time.Second || gap > 392*time.Second {
					t.Errorf("it was renewed after %v", gap) // and not at 0.60 to 0.65 of its life
				}
			}
			if len(e.asked) < 9 {
				t.Errorf("%d exchanges", len(e.asked))
			}
		})
	}
}

func TestServiceOutage_IsTriedByOneSourceAtATime(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		down := false
		e := &endpoint{answer: func(int) (*http.Response, error) {
			if down {
				return nil, errors.New("connection refused")
			}
			return nil, nil
		}}
		sources := fleet(t, 200, e, &memory{})
		askAll(t, sources)
		call(t, sources, 35*time.Minute, 10*time.Second)
		down = true
		call(t, sources, 10*time.Minute, 10*time.Second)
		if n := e.count() - 1; n < 1 || n > 10 {
			t.Errorf("%d requests in an outage of ten minutes", n)
		}
		down = false
		call(t, sources, 12*time.Minute, 10*time.Second)
		if got := askAll(t, sources); len(got.tokens) != 1 {
			t.Errorf("after the outage the fleet has %d tokens", len(got.tokens))
		}
	})
}

func TestFleet_UsesNoTokenWithinASourcesMargin(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		mustToken(t, source(t, e, store))
		pass(25 * time.Minute)
		wide := source(t, e, store, wrapper.WithExpiryMargin(40*time.Minute))
		mustToken(t, wide)
		for range 24 * 6 {
			token, took := timed(t, wide)
			if left := time.Until(token.ExpiresAt); left <= 40*time.Minute || took > 0 {
				t.Fatalf("a token was served %v before its end, after %v", left, took)
			}
			pass(10 * time.Second)
		}
		if n := e.count(); n > 4 {
			t.Errorf("%d exchanges", n)
		}
	})
}

func TestFleet_SharesTokensOfUnknownLifetimeForThatTime(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{expiresIn: "null"}, &memory{}
		opt := wrapper.WithUnknownLifetime(10 * time.Minute)
		first := mustToken(t, source(t, e, store, opt))
		pass(4 * time.Minute)
		late := source(t, e, store, opt)
		token := mustToken(t, late)
		if left := time.Until(token.ExpiresAt); token.AccessToken != first.AccessToken || left > 6*time.Minute || left < 5*time.Minute {
			t.Errorf("got %v, which lasts %v", token, left)
		}
		call(t, []*wrapper.TokenSource{late}, time.Hour, 10*time.Second)
		if n := e.count(); n > 13 {
			t.Errorf("%d exchanges in an hour", n)
		}
	})
}

// A service may answer with the token that it gave before, with more time or with what is left of it.
func TestFleet_SharesATokenThatTheServiceGivesAgain(t *testing.T) {
	t.Run("with more time", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			e := &endpoint{same: true}
			sources := fleet(t, 50, e, &memory{})
			askAll(t, sources)
			call(t, sources, 6*time.Hour, 30*time.Second)
			if n := e.count(); n > 11 {
				t.Errorf("%d exchanges in six hours", n)
			}
		})
	})
	t.Run("with what is left", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			began := time.Now()
			e := &endpoint{answer: func(int) (*http.Response, error) {
				left := time.Hour - time.Since(began).Truncate(time.Second)
				return respond(200, "", fmt.Sprintf(`{"access_token":"canary","expires_in":%d}`, left/time.Second)), nil
			}}
			sources := fleet(t, 50, e, &memory{})
			askAll(t, sources)
			call(t, sources, 58*time.Minute, 30*time.Second)
			if n := e.count(); n > 20 {
				t.Errorf("%d exchanges in the life of a token", n)
			}
		})
	})
}
