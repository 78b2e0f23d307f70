package sharedcache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// outages are what a store can be like when it is of no use.
var outages = map[string]func(release chan struct{}) func(string, string) error{
	"down": func(chan struct{}) func(string, string) error {
		return func(string, string) error { return errors.New("connection refused") }
	},
	"hanging": func(release chan struct{}) func(string, string) error {
		return func(string, string) error { <-release; return nil }
	},
	"slow": func(chan struct{}) func(string, string) error {
		return func(string, string) error { <-time.After(450 * time.Millisecond); return nil }
	},
	"reading but not writing": func(chan struct{}) func(string, string) error {
		return func(operation, _ string) error {
			if operation == "swap" {
				return errors.New("this replica is read-only")
			}
			return nil
		}
	},
	"panicking": func(chan struct{}) func(string, string) error {
		return func(string, string) error { panic("in the client") }
	},
}

func TestStoreOfNoUse_CostsAFirstTokenHalfASecondAndNoCallAnError(t *testing.T) {
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				e := &endpoint{}
				sources := fleet(t, 20, e, &memory{before: outage(release)})
				got := askAll(t, sources)
				if len(got.errs) > 0 || got.slowest > latency+time.Second/2 {
					t.Errorf("a first token took %v; %d errors", got.slowest, len(got.errs))
				}
				call(t, sources, 2*time.Hour, 10*time.Second)
			})
		})
	}
}

// silent is a store that never answers, in a client that heeds its context.
type silent struct{}

func (silent) Get(ctx context.Context, _ string) ([]byte, time.Duration, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (silent) Swap(ctx context.Context, _ string, _, _ []byte, _ time.Duration) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

func TestStoreThatIsSilent_CostsAFirstTokenHalfASecondAndNoCallAnError(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		s := source(t, &endpoint{}, silent{})
		if _, took := timed(t, s); took > latency+time.Second/2 {
			t.Errorf("a first token took %v", took)
		}
		call(t, []*wrapper.TokenSource{s}, 2*time.Hour, 10*time.Second)
	})
}

func TestStoreOutage_SpreadsAFleetWhoseTokensEndTogether(t *testing.T) {
	for _, name := range []string{"down", "hanging", "reading but not writing"} {
		outage := outages[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFakeTime(t, func(t *testing.T) {
				const replicas = 1000
				release := make(chan struct{})
				defer close(release)
				e, store := &endpoint{}, &memory{}
				sources := fleet(t, replicas, e, store)
				askAll(t, sources)
				call(t, sources, 30*time.Minute, time.Minute)
				began := time.Now()
				store.fail(outage(release))
				call(t, sources, 2*time.Hour, time.Minute)
				// Over five minutes, in which chance does not count as it does in one.
				if peak, today := e.peak(began, 2*time.Hour), replicas*28.0/(24*60); peak > 3*today {
					t.Errorf("%.1f requests a minute; sources without a store make %.1f", peak, today)
				}
			})
		})
	}
}

func TestStoreOutage_LeavesAFleetThatSharesAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 50, e, store)
		askAll(t, sources)
		store.fail(func(string, string) error { return errors.New("connection refused") })
		call(t, sources, time.Hour, 30*time.Second)
		store.fail(nil)
		call(t, sources, time.Hour, 30*time.Second)
		back := e.count()
		call(t, sources, 4*time.Hour, 30*time.Second)
		if n := e.count() - back; n > 4*60/36+1 {
			t.Errorf("%d exchanges in four hours", n)
		}
	})
}

func TestStoreThatLosesItsRecordDuringAnExchange_GetsTheToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{delay: 5 * time.Second}, &memory{}
		s := source(t, e, store)
		mustToken(t, s)
		pass(40 * time.Minute)
		mustToken(t, s) // and renew it in the background
		pass(time.Second)
		store.mu.Lock()
		clear(store.entries)
		store.mu.Unlock()
		pass(5 * time.Second)
		if token, took := timed(t, source(t, e, store)); token.AccessToken != "canary-token-2" || took > 0 {
			t.Errorf("got %v after %v", token, took)
		}
	})
}

func TestStoreOutage_CostsNothingIfItIsShort(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 200, e, store)
		askAll(t, sources)
		for range 6 {
			store.fail(func(string, string) error { return errors.New("connection refused") })
			call(t, sources, 4*time.Minute, 10*time.Second)
			store.fail(nil)
			call(t, sources, 2*time.Minute, 10*time.Second)
		}
		if n := e.count(); n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
}

func TestOutageOfStoreAndService_IsNoReasonToAskMore(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, 50, e, store)
		askAll(t, sources)
		call(t, sources, 35*time.Minute, 10*time.Second)
		store.fail(func(string, string) error { return errors.New("connection refused") })
		e.answer = failing(503, "")
		call(t, sources, 20*time.Minute, 10*time.Second)
		if n := e.count(); n > 4*50 {
			t.Errorf("%d requests in twenty minutes", n)
		}
	})
}

// With nothing but minutes left, a fleet cannot but hurry. Its next tokens are spread as ever.
func TestStoreOutage_SpreadsTheTokensAfterThoseThatWereNearlyOver(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const replicas = 150
		e, store := &endpoint{}, &memory{}
		sources := fleet(t, replicas, e, store)
		askAll(t, sources)
		call(t, sources, 35*time.Minute, time.Minute)
		e.answer = failing(503, "")
		call(t, sources, 22*time.Minute, 30*time.Second)
		e.answer = nil
		store.fail(func(string, string) error { return errors.New("connection refused") })
		call(t, sources, 5*time.Minute, time.Second)
		began := time.Now()
		call(t, sources, 100*time.Minute, time.Minute)
		if peak, today := e.peak(began, 100*time.Minute), replicas*28.0/(24*60); peak > 4*today {
			t.Errorf("%.1f requests a minute; sources without a store make %.1f", peak, today)
		}
	})
}
