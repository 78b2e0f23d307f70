package sharedcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// An engine that stood still runs what it was sent when it goes on, and counts the time to live from then.
func TestStoreThatStoodStill_BringsNoTokenThatIsOver(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		slow, e, store := &endpoint{delay: 13 * time.Second}, &endpoint{}, &memory{} // it outlasts its lease
		goOn := make(chan struct{})
		mustToken(t, source(t, slow, storeOf{store, func(string) {
			if slow.count() == 1 {
				<-goOn
			}
		}}))
		end := time.Now().Add(time.Hour)
		store.fail(func(string, string) error { return errors.New("it stands still") })
		e.answer = func(n int) (*http.Response, error) {
			return respond(200, "", fmt.Sprintf(`{"access_token":"canary-other-%d","expires_in":3600}`, n)), nil
		}
		pass(25 * time.Minute)
		others := fleet(t, 20, e, store)
		askAll(t, others)
		pass(29 * time.Minute)
		store.fail(nil)
		close(goOn)
		pass(10 * time.Second)
		for range 200 {
			for _, other := range others {
				if token := mustToken(t, other); token.AccessToken == "canary-token-1" && time.Now().After(end) {
					t.Fatalf("a token was served %v after its end", time.Since(end))
				}
			}
			pass(10 * time.Second)
		}
	})
}

func TestSlowStore_DelaysNobodyByALeaseThatItCannotEndInTime(t *testing.T) {
	for _, operation := range []int{50, 150, 170, 200, 300, 450} {
		t.Run(fmt.Sprint(operation), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e := &endpoint{}
				store := &memory{before: func(string, string) error { <-time.After(time.Duration(operation) * time.Millisecond); return nil }}
				for range 3 {
					if _, took := timed(t, source(t, e, store)); took > latency+time.Second {
						t.Errorf("a first token took %v", took)
					}
					pass(time.Second)
				}
			})
		})
	}
}

func TestAnswerOfTheStoreThatIsLost_LeavesNoLeaseBehind(t *testing.T) {
	for lost := range 4 { // of the lease, of the look after it, of the look before the token is put, of putting it
		t.Run(fmt.Sprint(lost+2), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store := &endpoint{}, &memory{}
				first := source(t, e, &lossy{memory: store, lost: lost + 2})
				go func() { _, _ = first.Token(context.Background()) }()
				pass(10 * time.Millisecond)
				if got := askAll(t, fleet(t, 50, e, store)); len(got.errs) > 0 || got.slowest > latency+time.Second {
					t.Errorf("others waited %v; %v", got.slowest, got.errs)
				}
			})
		})
	}
}

func TestExchangeThatTakesAllItsTime_IsNotLateForTheStore(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store, release := &endpoint{delay: 4800 * time.Millisecond}, &memory{}, make(chan struct{})
		defer close(release)
		store.before = func(string, string) error {
			if e.count() > 0 {
				<-release
			}
			return nil
		}
		mustToken(t, source(t, e, store, wrapper.WithExchangeTimeout(5*time.Second)))
	})
}

// lossy is one replica's view of a store. It does what it is asked, and one of its answers is lost.
type lossy struct {
	*memory
	lost, operations int
}

func (l *lossy) answer(err error) error {
	if l.operations++; l.operations == l.lost {
		return errors.New("the connection was reset")
	}
	return err
}

func (l *lossy) Get(ctx context.Context, key string) ([]byte, time.Duration, error) {
	value, left, err := l.memory.Get(ctx, key)
	return value, left, l.answer(err)
}

func (l *lossy) Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	swapped, err := l.memory.Swap(ctx, key, old, value, ttl)
	return swapped, l.answer(err)
}
