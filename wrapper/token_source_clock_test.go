package wrapper

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A test cannot set a real clock back or put a machine to sleep, so these read clocks of their own. They are in the
// package for that alone.

type countingEndpoint struct{ n int }

func (e *countingEndpoint) RoundTrip(*http.Request) (*http.Response, error) {
	e.n++
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(fmt.Sprintf(`{"access_token":"token-%d","expires_in":3600}`, e.n))),
	}, nil
}

func TestATokenIsNotServedBeyondItsLifetimeByEitherClock(t *testing.T) {
	const hour = time.Hour
	tests := map[string]struct {
		wall, monotonic time.Duration // what passes on each clock
		exchanges       int
	}{
		"both say it is fresh":             {40 * time.Minute, 40 * time.Minute, 1},
		"both say it has expired":          {hour, hour, 2},
		"the machine slept":                {2 * hour, time.Minute, 2},
		"the clock was set back":           {-2 * hour, hour, 2},
		"the clock was set back a little":  {-time.Minute, time.Minute, 1},
		"the clock was set forward":        {24 * hour, time.Second, 2},
		"set back, within the margin":      {-hour, 59*time.Minute + 45*time.Second, 2},
		"slept, within the margin":         {59*time.Minute + 45*time.Second, 0, 2},
		"the clock jumps, no time to lose": {0, 59 * time.Minute, 2}, // a renewal
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &countingEndpoint{}
				client, err := NewClient(StaticBearer("a-bearer"), WithHTTPClient(&http.Client{Transport: e}))
				if err != nil {
					t.Fatal(err)
				}
				s := NewTokenSource(client)
				var wall, monotonic time.Duration
				s.now = func() instant {
					i := now()
					return instant{wall: i.wall + int64(wall), monotonic: i.monotonic + int64(monotonic)}
				}
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				wall, monotonic = test.wall, test.monotonic
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if e.n != test.exchanges {
					t.Errorf("%d exchanges, want %d", e.n, test.exchanges)
				}
			})
		})
	}
}

// A machine may start in 1970, and learn of the time while an exchange is under way.
func TestOneExchangeIsUnderWayHoweverTheClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exchanges := 0
		client, err := NewClient(StaticBearer("a-bearer"), WithRetry(Retry{MaxRetries: -1}),
			WithHTTPClient(&http.Client{Transport: slowEndpoint(func() { exchanges++ })}))
		if err != nil {
			t.Fatal(err)
		}
		s := NewTokenSource(client)
		var jump atomic.Int64
		s.now = func() instant {
			i := now()
			return instant{wall: i.wall + jump.Load(), monotonic: i.monotonic}
		}
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() { _, _ = s.Token(t.Context()) })
			synctest.Wait()
			jump.Add(int64(56 * 365 * 24 * time.Hour))
		}
		callers.Wait()
		if exchanges != 1 {
			t.Errorf("%d exchanges", exchanges)
		}
	})
}

// slowEndpoint fails after ten seconds.
type slowEndpoint func()

func (e slowEndpoint) RoundTrip(*http.Request) (*http.Response, error) {
	e()
	<-time.After(10 * time.Second)
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
}
