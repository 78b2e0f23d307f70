package sharedcache_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// The first token comes within the exchange's own time and a second, at whichever operation the store freezes.
func TestStoreThatFreezesBetweenTwoOperations_DelaysAFirstTokenByLessThanASecond(t *testing.T) {
	for healthy := range 10 {
		t.Run(fmt.Sprint(healthy), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				var operations atomic.Int64
				e := &endpoint{delay: 3 * time.Second}
				s := source(t, e, &memory{before: func(string, string) error {
					<-time.After(10 * time.Millisecond)
					if operations.Add(1) > int64(healthy) {
						<-release
					}
					return nil
				}})
				if _, took := timed(t, s); took > 4*time.Second || e.count() != 1 {
					t.Errorf("it came after %v and %d exchanges", took, e.count())
				}
				call(t, []*wrapper.TokenSource{s}, 3*time.Hour, 10*time.Second)
			})
		})
	}
}

func TestStoreThatHangs_IsNotAskedMoreAndMore(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		release := make(chan struct{})
		var under atomic.Int64
		e, store := &endpoint{}, &memory{}
		s := source(t, e, store)
		mustToken(t, s)
		store.fail(func(string, string) error { under.Add(1); <-release; under.Add(-1); return nil })
		call(t, []*wrapper.TokenSource{s}, 24*time.Hour, 10*time.Second)
		if n := under.Load(); n > 32 {
			t.Errorf("%d operations are under way", n)
		}
		close(release)
		store.fail(nil)
		call(t, []*wrapper.TokenSource{s}, time.Hour, 10*time.Second)
		back := e.count()
		call(t, []*wrapper.TokenSource{source(t, e, store)}, 10*time.Second, 10*time.Second)
		if e.count() != back {
			t.Error("the source did not return to the store")
		}
	})
}

func TestTamperedRecord_IsAsIfItWereNotThere(t *testing.T) {
	tests := map[string]func(value []byte) []byte{
		"noise":             func([]byte) []byte { return []byte("noise") },
		"one bit":           func(value []byte) []byte { value[len(value)/2] ^= 1; return value },
		"cut":               func(value []byte) []byte { return value[:len(value)-1] },
		"of another client": func([]byte) []byte { return []byte(`{"access_token":"canary-other"}`) },
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store, log := &endpoint{}, &memory{}, &lines{}
				mustToken(t, source(t, e, store))
				for key, kept := range store.entries {
					store.entries[key] = entry{tamper(append([]byte{}, kept.value...)), kept.until}
				}
				late := wrapper.NewTokenSource(client(t, e, wrapper.WithLogger(log.logger())), use(store))
				token, took := timed(t, late)
				if token.AccessToken != "canary-token-2" || took > latency {
					t.Errorf("got %v after %v", token, took)
				}
				if text := log.String(); !strings.Contains(text, "does not open") || strings.Contains(text, "canary") {
					t.Errorf("the log says %q", text)
				}
				if token := mustToken(t, source(t, e, store)); token.AccessToken != "canary-token-2" {
					t.Errorf("the tampered record was not replaced: %v", token)
				}
			})
		})
	}
}

func TestRecord_OpensAtItsOwnPlaceAlone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		mustToken(t, source(t, e, store))
		var kept entry
		for _, kept = range store.entries {
		}
		everywhere := &memory{given: func(string, []byte, time.Duration) ([]byte, time.Duration) { return kept.value, time.Hour }}
		other := wrapper.NewTokenSource(client(t, e), useAs(everywhere, "canary-tenant/another", secret))
		if token := mustToken(t, other); token.AccessToken == "canary-token-1" {
			t.Error("a token was taken from another identity's place")
		}
	})
}

func TestStoreThatReplaysARefusedToken_DoesNotBringItBack(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		s := source(t, e, store)
		first := mustToken(t, s)
		store.mu.Lock()
		old := map[string][]byte{}
		for key, kept := range store.entries {
			old[key] = kept.value
		}
		store.given = func(key string, value []byte, left time.Duration) ([]byte, time.Duration) {
			if old[key] != nil {
				return old[key], time.Hour // whatever was put there
			}
			return value, left
		}
		store.mu.Unlock()
		s.Invalidate(first)
		for range 60 {
			token, took := timed(t, s)
			if token.AccessToken == first.AccessToken {
				t.Fatal("the refused token is back")
			}
			if took > latency+time.Second {
				t.Fatalf("a call took %v", took)
			}
			pass(time.Minute)
		}
		if n := e.count(); n > 4 {
			t.Errorf("%d exchanges in an hour", n)
		}
	})
}

func TestStoreThatReplaysRefusedTokensInTurn_BringsNoneBack(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		s := source(t, e, store)
		var old [][]byte
		refused := map[string]bool{}
		for range 5 {
			token := mustToken(t, s)
			for _, kept := range store.entries {
				old = append(old, kept.value)
			}
			refused[token.AccessToken] = true
			s.Invalidate(token)
			pass(time.Minute)
		}
		var n int
		store.given = func(string, []byte, time.Duration) ([]byte, time.Duration) {
			n++
			return old[n%len(old)], time.Hour
		}
		for range 30 {
			token := mustToken(t, s)
			if refused[token.AccessToken] {
				t.Fatalf("%v is back", token)
			}
			pass(time.Minute)
		}
	})
}

func TestStoreThatReplaysAnOldToken_IsNotBelieved(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		mustToken(t, source(t, e, store))
		for key, kept := range store.entries {
			store.entries[key] = entry{kept.value, time.Now().Add(1000 * time.Hour)}
		}
		pass(2 * time.Minute)
		if left := time.Until(mustToken(t, source(t, e, store)).ExpiresAt); left > time.Hour {
			t.Errorf("a token of an hour is said to last %v", left)
		}
		pass(75 * time.Minute)
		if token := mustToken(t, source(t, e, store)); token.AccessToken == "canary-token-1" {
			t.Error("a token was served long after its end")
		}
	})
}

func TestStoreThatForgets_LeavesEachSourceOnItsOwn(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{}
		sources := fleet(t, 20, e, &memory{put: func(string, []byte, []byte, time.Duration) (bool, bool) { return true, true }})
		if got := askAll(t, sources); len(got.errs) > 0 || got.slowest > latency+time.Second/2 {
			t.Errorf("a first token took %v; %d errors", got.slowest, len(got.errs))
		}
		call(t, sources, 2*time.Hour, 10*time.Second)
	})
}

func TestStoreWhoseSwapsNeverSucceed_LeavesASourceOnItsOwn(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e, &memory{put: func(string, []byte, []byte, time.Duration) (bool, bool) { return true, false }})
		if _, took := timed(t, s); took > latency+time.Second/2 {
			t.Errorf("it took %v", took)
		}
		call(t, []*wrapper.TokenSource{s}, 2*time.Hour, 10*time.Second)
	})
}

// A client that sends an operation again after a broken connection is told that the swap failed which it made itself.
func TestSwapThatSucceedsButSaysOtherwise_CostsNothing(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		var once sync.Once
		store.put = func(key string, old, value []byte, ttl time.Duration) (handled, swapped bool) {
			once.Do(func() {
				store.entries = map[string]entry{key: {value, time.Now().Add(ttl)}}
				handled = true
			})
			return handled, false
		}
		if got := askAll(t, fleet(t, 20, e, store)); got.slowest > latency+time.Second || e.count() != 1 {
			t.Errorf("a first token took %v; %d exchanges", got.slowest, e.count())
		}
	})
}
