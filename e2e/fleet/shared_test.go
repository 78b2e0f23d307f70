package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

// sharedInterval is how often each is called: as seldom as a source looks at the store, for that is what takes time here.
const sharedInterval = time.Minute

// Beside what the endpoint suffers, the engine hangs for an hour and then refuses connections for another.
const engineFrom, engineTo = 14 * time.Hour, 16 * time.Hour

// engine is a store in fake time that needs a millisecond.
type engine struct {
	begin time.Time

	mu    sync.Mutex
	value []byte // the fleet has one key
	until time.Time
}

func (e *engine) operate(ctx context.Context) error {
	at := time.Since(e.begin)
	switch {
	case at < engineFrom, at >= engineTo:
		<-time.After(time.Millisecond)
		return nil
	case at < engineFrom+time.Hour:
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("connection refused")
}

func (e *engine) current() ([]byte, time.Duration) {
	if left := time.Until(e.until); e.value != nil && left > 0 {
		return e.value, left
	}
	return nil, 0
}

func (e *engine) Get(ctx context.Context, _ string) ([]byte, time.Duration, error) {
	if err := e.operate(ctx); err != nil {
		return nil, 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	value, left := e.current()
	return value, left, nil
}

func (e *engine) Swap(ctx context.Context, _ string, old, value []byte, ttl time.Duration) (bool, error) {
	if err := e.operate(ctx); err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if current, _ := e.current(); string(current) != string(old) {
		return false, nil
	}
	e.value, e.until = value, time.Now().Add(ttl)
	return true, nil
}

// TestSharedFleet is the day of TestFleet for services that share their token.
func TestSharedFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{begin: time.Now()}
		client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"),
			wrapper.WithHTTPClient(&http.Client{Transport: e}))
		if err != nil {
			t.Fatal(err)
		}
		share := sharedcache.Use(&engine{begin: e.begin}, "tenant/application", []byte("a-secret-of-32-bytes-from-openssl"))
		callers := make([]caller, sources)
		var done sync.WaitGroup
		for i := range callers {
			done.Go(func() {
				s := wrapper.NewTokenSource(client, share)
				callers[i].run(t, s, e.begin, time.Duration(rand.Int64N(int64(rollout))), sharedInterval)
			})
		}
		done.Wait()
		reportShared(t, e, callers)
	})
}

func reportShared(t *testing.T, e *endpoint, callers []caller) {
	var waited, failed, expiring int
	for _, c := range callers {
		waited, failed, expiring = waited+len(c.waited), failed+len(c.failed), expiring+c.expiring
	}
	without, outage := 0, e.perMinute[engineFrom/time.Minute:engineTo/time.Minute]
	peak := max(slices.Max(e.perMinute[:engineFrom/time.Minute]), slices.Max(e.perMinute[engineTo/time.Minute:]))
	sum := 0
	for minute, n := range e.perMinute {
		sum += n
		if at := time.Duration(minute) * time.Minute; at < engineFrom || at >= engineTo {
			without += n
		}
	}
	today := 28.0 * sources / day.Minutes() // TestFleet's requests per source and day
	fmt.Printf("shared: requests in the day, but for the engine's outage %d, in its peak minute %d\n", without, peak)
	fmt.Printf("  in the engine's outage of 2 hours %d, in its peak minute %d (%.2f times the mean of sources that share nothing)\n",
		sum-without, slices.Max(outage), float64(slices.Max(outage))/today)
	fmt.Printf("  calls that waited after a source's first %d, that failed %d\n", waited, failed)
	if without >= 100 || peak >= 5 {
		t.Errorf("%d requests, %d in a minute", without, peak)
	}
	if n := slices.Max(outage); float64(n) >= 4*today {
		t.Errorf("%d requests in a minute without the engine", n)
	}
	if waited+failed+expiring > 0 {
		t.Errorf("%d calls waited, %d failed, %d got a token within 30 s of its expiry", waited, failed, expiring)
	}
}
