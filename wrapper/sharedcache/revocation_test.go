package sharedcache_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestInvalidate_CostsOneExchangeHoweverManyRefuseTheToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 100, e, store)
		askAll(t, sources)
		first := mustToken(t, sources[0])
		pass(time.Minute)
		for _, s := range sources {
			s.Invalidate(first)
		}
		got := askAll(t, sources)
		if got.tokens["canary-token-2"] != 100 || e.count() != 2 {
			t.Errorf("%v after %d exchanges", got.tokens, e.count())
		}
	})
}

func TestInvalidate_ReachesTheOthersWithinAMinute(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 20, e, store)
		askAll(t, sources)
		call(t, sources, 5*time.Minute, time.Second)
		e.expiresIn = "900" // so the new token lasts less
		sources[0].Invalidate(mustToken(t, sources[0]))
		mustToken(t, sources[0])
		call(t, sources, time.Minute, time.Second)
		if got := askAll(t, sources); got.tokens["canary-token-2"] != 20 || e.count() != 2 {
			t.Errorf("%v after %d exchanges", got.tokens, e.count())
		}
	})
}

func TestInvalidate_ReachesTheOthersAlsoIfTheServiceThrottlesThem(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 2, e, store)
		askAll(t, sources)
		first := mustToken(t, sources[0])
		e.answer = failing(429, "90")
		sources[0].Invalidate(first)
		if _, err := sources[0].Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		call(t, sources[1:], time.Minute, time.Second) // it has noticed, and there is no other token
		e.answer = nil
		call(t, sources[1:], 2*time.Minute, time.Second)
		if token := mustToken(t, sources[1]); token.AccessToken == first.AccessToken || e.count() != 3 {
			t.Errorf("got %v after %d exchanges", token, e.count())
		}
	})
}

func TestInvalidate_IsNotUndoneByASlowReplica(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		hold := make(chan struct{})
		var late atomic.Bool
		slow := source(t, e, storeOf{store, func(operation string) {
			if operation == "swap" && late.CompareAndSwap(false, true) {
				<-hold // between what it read and what it writes
			}
		}})
		go func() { _, _ = slow.Token(t.Context()) }()
		pass(time.Second)
		quick := source(t, e, store)
		first := mustToken(t, quick)
		quick.Invalidate(first)
		second := mustToken(t, quick)
		close(hold)
		pass(time.Second)
		for range 3 {
			if token := mustToken(t, source(t, e, store)); token.AccessToken != second.AccessToken {
				t.Errorf("the store holds %v", token)
			}
		}
	})
}

// given answers the nth request with the nth of the tokens.
func given(tokens ...string) func(n int) (*http.Response, error) {
	return func(n int) (*http.Response, error) {
		body := `{"access_token":"canary-` + tokens[min(n, len(tokens))-1] + `","expires_in":3600}`
		return respond(200, "", body), nil
	}
}

func TestInvalidate_HoldsForTokensBeforeTheLastOne(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{answer: given("a", "b", "a", "c")}, &memory{}
		s := source(t, e, store)
		for range 2 {
			s.Invalidate(mustToken(t, s))
			pass(time.Minute)
		}
		mustToken(t, s)
		pass(time.Minute)
		if token := mustToken(t, source(t, e, store)); token.AccessToken != "canary-c" {
			t.Error("the first token is shared again")
		}
	})
}

func TestInvalidate_LeavesAGravestoneIfThereIsNoNewToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		s := source(t, e, store)
		first := mustToken(t, s)
		pass(time.Minute)
		e.answer = failing(503, "")
		s.Invalidate(first)
		if _, err := s.Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		e.answer = nil
		pass(2 * time.Second)
		failed := e.count()
		if got := askAll(t, fleet(t, 50, e, store)); len(got.errs) > 0 || got.tokens["canary-token-6"] != 50 {
			t.Errorf("%d errors, and the tokens are %v", len(got.errs), got.tokens)
		}
		if n := e.count() - failed; n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
}

// Where every token is refused at once, a fleet keeps a distance between its exchanges, as one source does.
func TestFleetWhoseEveryTokenIsRefused_DoesNotStorm(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		const d = 5 * time.Minute
		end := time.Now().Add(d)
		var callers sync.WaitGroup
		for _, s := range fleet(t, 500, e, store) {
			callers.Go(func() {
				for time.Now().Before(end) {
					s.Invalidate(mustToken(t, s))
				}
			})
		}
		callers.Wait()
		if n := e.count(); n > int(d/(2*time.Second))+10 {
			t.Errorf("%d exchanges in %v", n, d)
		}
	})
}

// A source keeps a distance from its own last token alone, which is not enough where each is refused by another source.
func TestFleetWhoseNewReplicasRefuseEveryToken_DoesNotStorm(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		const d = time.Minute
		var callers sync.WaitGroup
		for range d / (200 * time.Millisecond) {
			s := source(t, e, store)
			callers.Go(func() {
				s.Invalidate(mustToken(t, s))
				mustToken(t, s)
			})
			pass(200 * time.Millisecond)
		}
		callers.Wait()
		if n := e.count(); n > int(d/(2*time.Second))+20 { // for some have been waiting for as long as they do
			t.Errorf("%d exchanges in %v", n, d)
		}
	})
}

func TestRenewedToken_IsNotHeldForOneThatWasRefused(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 2, e, store)
		for n := range 5 {
			token := mustToken(t, sources[n%2])
			sources[n%2].Invalidate(token)
			if next, took := timed(t, sources[n%2]); next.AccessToken == token.AccessToken || took > 10*time.Second {
				t.Errorf("got %v after %v", next, took)
			}
			pass(time.Minute)
		}
		if n := e.count(); n > 6 {
			t.Errorf("%d exchanges", n)
		}
	})
}

// The service may give a token again. A replica that was slow to get it does not put it over its gravestone.
func TestInvalidate_IsNotUndoneByAReplicaThatGetsTheTokenAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		store := &memory{}
		slow := source(t, &endpoint{same: true, delay: 5 * time.Second}, store)
		quick := source(t, &endpoint{answer: failing(403, "")}, store, wrapper.WithExchangeTimeout(2*time.Second))
		first := mustToken(t, slow)
		mustToken(t, quick)
		pass(40 * time.Minute)
		mustToken(t, slow) // and renew it in the background
		pass(time.Second)
		quick.Invalidate(first)
		if _, err := quick.Token(t.Context()); err == nil {
			t.Fatal("got a token")
		}
		pass(5 * time.Second)
		other := &endpoint{answer: func(int) (*http.Response, error) {
			return respond(200, "", `{"access_token":"canary-other","expires_in":3600}`), nil
		}}
		if token := mustToken(t, source(t, other, store)); token.AccessToken != "canary-other" {
			t.Errorf("got %v, which was refused", token)
		}
	})
}
