// Package fleet simulates what one endpoint feels of many services that each keep a token.
package fleet

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	sources  = 10_000
	day      = 24 * time.Hour
	rollout  = 4 * time.Hour    // the sources start in, evenly, as deployments and scaling bring them up
	interval = 20 * time.Second // each has a caller in

	outageFrom, outageTo     = 12 * time.Hour, 12*time.Hour + 10*time.Minute // no connection
	throttleFrom, throttleTo = 18 * time.Hour, 18*time.Hour + 5*time.Minute  // 429, Retry-After: 60
)

// endpoint answers in fake time, 200 ms after it was asked, and counts by the minute. Everything in it runs in one
// bubble of synctest, on as many threads as there are, hence the lock.
type endpoint struct {
	begin time.Time

	mu        sync.Mutex
	perMinute [day / time.Minute]int
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	at := time.Since(e.begin)
	e.mu.Lock()
	e.perMinute[min(at/time.Minute, day/time.Minute-1)]++
	e.mu.Unlock()
	<-time.After(200 * time.Millisecond)
	answer := &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(`{"access_token":"token","token_type":"bearer","expires_in":3600}`)),
	}
	switch {
	case at >= outageFrom && at < outageTo:
		return nil, errors.New("connection refused")
	case at >= throttleFrom && at < throttleTo:
		answer.StatusCode, answer.Body = http.StatusTooManyRequests, http.NoBody
		answer.Header.Set("Retry-After", "60")
	}
	return answer, nil
}

// caller is what became of the calls to one source.
type caller struct {
	waited, failed []time.Duration // when, since the beginning; the first call is left out of those that waited
	expiring       int             // tokens served within 30 s of their expiry
}

func (c *caller) run(t *testing.T, s *wrapper.TokenSource, begin time.Time, start, interval time.Duration) {
	<-time.After(start)
	for first := true; time.Since(begin) < day; first = false {
		asked := time.Now()
		token, err := s.Token(t.Context())
		switch at := asked.Sub(begin); {
		case err != nil:
			c.failed = append(c.failed, at)
		case time.Until(token.ExpiresAt) <= 30*time.Second:
			c.expiring++
		case !first && time.Since(asked) > 0:
			c.waited = append(c.waited, at)
		}
		<-time.After(interval)
	}
}

func TestFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{begin: time.Now()}
		client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"),
			wrapper.WithHTTPClient(&http.Client{Transport: e}))
		if err != nil {
			t.Fatal(err)
		}
		callers := make([]caller, sources)
		var done sync.WaitGroup
		for i := range callers {
			done.Go(func() {
				s := wrapper.NewTokenSource(client)
				callers[i].run(t, s, e.begin, time.Duration(rand.Int64N(int64(rollout))), interval)
			})
		}
		done.Wait()
		report(t, e, callers)
	})
}

func report(t *testing.T, e *endpoint, callers []caller) {
	var waited, failed []time.Duration
	for _, c := range callers {
		waited, failed = append(waited, c.waited...), append(failed, c.failed...)
		if c.expiring > 0 {
			t.Errorf("%d tokens were served within 30 s of their expiry", c.expiring)
		}
	}
	total := 0
	for _, n := range e.perMinute {
		total += n
	}
	// The rollout and what follows of it is not the steady state that the mean is of.
	steady := e.perMinute[rollout/time.Minute:]
	sum := 0
	for _, n := range steady {
		sum += n
	}
	mean := float64(sum) / float64(len(steady))
	peak := slices.Max(steady)
	during := func(from, to time.Duration) int { return slices.Max(e.perMinute[from/time.Minute : to/time.Minute]) }
	fmt.Printf("sources %d, hours %d, one call in %v each\n", sources, int(day.Hours()), interval)
	fmt.Printf("requests per source and day: %.1f\n", float64(total)/sources)
	fmt.Printf("requests per minute: mean %.0f, peak %d (%.2f times the mean)\n", mean, peak, float64(peak)/mean)
	fmt.Printf("  in the outage %d, in the half hour after it %d, in the throttling %d, after it %d\n",
		during(outageFrom, outageTo), during(outageTo, outageTo+30*time.Minute),
		during(throttleFrom, throttleTo), during(throttleTo, throttleTo+30*time.Minute))
	outside := 0
	for _, at := range slices.Concat(waited, failed) {
		if at < outageFrom || at >= outageTo {
			outside++
		}
	}
	fmt.Printf("calls that waited %d, that failed %d; of both, outside the outage %d\n", len(waited), len(failed), outside)
	if outside > 0 {
		t.Errorf("%d calls waited or failed outside the outage", outside)
	}
	if len(failed) > 0 {
		t.Errorf("%d calls failed in an outage that no token's remaining life was shorter than", len(failed))
	}
	if float64(peak) >= 3*mean {
		t.Errorf("the peak is %.2f times the mean", float64(peak)/mean)
	}
}
