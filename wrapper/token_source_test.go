package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// endpoint is a token endpoint in fake time: each answer takes a second and holds a token of its own. It keeps when it
// was asked.
type endpoint struct {
	expiresIn string // the member's value in JSON; an hour if it is empty
	fail      func() *answer

	mu    sync.Mutex
	asked []time.Time
	ids   []string
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked = append(e.asked, time.Now())
	e.ids = append(e.ids, r.Header.Get("ms-requestid"))
	n := len(e.asked)
	e.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if e.fail != nil {
		if a := e.fail(); a != nil {
			return (&script{answers: []answer{*a}}).RoundTrip(r)
		}
	}
	expiresIn := e.expiresIn
	if expiresIn == "" {
		expiresIn = "3600"
	}
	body := fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":%s}`, n, expiresIn)
	return (&script{answers: []answer{{status: 200, contentType: "application/json", body: body}}}).RoundTrip(r)
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

func source(t *testing.T, rt http.RoundTripper, opts ...wrapper.SourceOption) *wrapper.TokenSource {
	t.Helper()
	return wrapper.NewTokenSource(inMemory(t, rt), opts...)
}

func mustToken(t *testing.T, s *wrapper.TokenSource) *wrapper.Token {
	t.Helper()
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// pass lets fake time pass, and the source do what it has to meanwhile.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestManyCallersOfAColdSourceCauseOneExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 10_000
		e := &endpoint{}
		s := source(t, e)
		impatient, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := s.Token(impatient)
			first <- err
		}()
		synctest.Wait() // the first caller has begun the exchange
		var served atomic.Int64
		var callersDone sync.WaitGroup
		for range callers - 1 {
			callersDone.Go(func() {
				if token, err := s.Token(t.Context()); err == nil && token.AccessToken == "token-1" {
					served.Add(1)
				}
			})
		}
		synctest.Wait()
		cancel()
		err := <-first
		if e := asError(t, err); !errors.Is(err, context.Canceled) || e.Retryable() {
			t.Errorf("the caller that gave up got %v", err)
		}
		callersDone.Wait()
		if served.Load() != callers-1 || e.count() != 1 {
			t.Errorf("%d of %d callers were served by %d exchanges", served.Load(), callers-1, e.count())
		}
	})
}

func TestACallerASecondForTwoDaysWaitsOnceAndIsNeverServedAnExpiringToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		const hours = 48
		for range hours * 3600 {
			before := time.Now()
			token := mustToken(t, s)
			if waited := time.Since(before); waited > 0 && e.count() > 1 {
				t.Fatalf("a caller waited %v", waited)
			}
			if left := time.Until(token.ExpiresAt); left <= 30*time.Second {
				t.Fatalf("a caller got a token that expires in %v", left)
			}
			pass(time.Second)
		}
		if n := e.count(); n < hours*60/60 || n > hours*60/48+1 {
			t.Errorf("%d exchanges in %d hours, want one in 48 to 60 minutes", n, hours)
		}
		for i := 1; i < len(e.asked); i++ {
			if gap := e.asked[i].Sub(e.asked[i-1]); gap < 48*time.Minute || gap > 60*time.Minute {
				t.Errorf("exchange %d came %v after the one before", i+1, gap)
			}
		}
	})
}

func TestRenewalsOfDifferentSourcesFallApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sources = 50
		var all []*wrapper.TokenSource
		e := &endpoint{}
		for range sources {
			all = append(all, source(t, e))
		}
		callAll := func() {
			var calls sync.WaitGroup
			for _, s := range all {
				calls.Go(func() { mustToken(t, s) })
			}
			calls.Wait()
		}
		callAll()
		pass(47 * time.Minute)
		for range 3 * 60 {
			callAll()
			pass(time.Second)
		}
		moments := map[time.Time]bool{}
		for _, at := range e.asked[sources:] {
			moments[at] = true
		}
		if n := len(e.asked) - sources; n != sources || len(moments) < sources/4 {
			t.Errorf("%d sources made %d renewals at %d moments", sources, n, len(moments))
		}
	})
}

func TestAValidTokenIsServedWhileItsRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		failed := failing(503)
		e := &endpoint{fail: func() *answer {
			if down.Load() {
				return &failed
			}
			return nil
		}}
		var log strings.Builder
		client := inMemory(t, e, wrapper.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		s := wrapper.NewTokenSource(client)
		first := mustToken(t, s)
		down.Store(true)
		for time.Until(first.ExpiresAt) > 31*time.Second {
			before := time.Now()
			if token := mustToken(t, s); token.AccessToken != first.AccessToken || time.Since(before) > 0 {
				t.Fatalf("after %v got %v", time.Since(before), token)
			}
			pass(time.Second)
		}
		tries := e.asked[1:]
		if len(tries) < 3 || len(tries) > 12 {
			t.Errorf("%d renewals were tried", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i].Sub(tries[i-1]); gap < 30*time.Second {
				t.Errorf("a renewal was tried %v after the one before", gap)
			}
		}
		if !strings.Contains(log.String(), "level=WARN msg=\"renewing the token failed") || strings.Contains(log.String(), "canary") {
			t.Errorf("the log says %q", log.String())
		}
		down.Store(false)
		pass(2 * time.Second)
		if token := mustToken(t, s); token.AccessToken == first.AccessToken {
			t.Error("the old token was served within 30 s of its expiry")
		}
	})
}

func TestARenewalIsNotTriedBeforeRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle atomic.Bool
		failed := failing(429, "640") // longer than the source would wait by itself
		e := &endpoint{fail: func() *answer {
			if throttle.Load() {
				return &failed
			}
			return nil
		}}
		s := source(t, e, wrapper.WithRenewalWindow(0.8, 0.8))
		mustToken(t, s)
		throttle.Store(true)
		for range 59*60 + 20 {
			mustToken(t, s)
			pass(time.Second)
		}
		if len(e.asked) != 3 {
			t.Fatalf("%d renewals were tried, want 2", len(e.asked)-1)
		}
		if gap := e.asked[2].Sub(e.asked[1]); gap < 640*time.Second {
			t.Errorf("a renewal was tried %v after the one before", gap)
		}
	})
}

func TestAFailureWithNothingToServeIsSharedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := failing(403)
		e := &endpoint{fail: func() *answer { return &failed }}
		s := source(t, e)
		_, first := s.Token(t.Context())
		wantKind(t, first, wrapper.ErrForbidden)
		pass(999 * time.Millisecond)
		if _, err := s.Token(t.Context()); !errors.Is(err, first) || e.count() != 1 {
			t.Errorf("within a second: %v after %d exchanges", err, e.count())
		}
		pass(time.Millisecond)
		if _, err := s.Token(t.Context()); errors.Is(err, first) || e.count() != 2 {
			t.Errorf("after a second: %v after %d exchanges", err, e.count())
		}
	})
}

func TestLifetimes(t *testing.T) {
	tests := map[string]struct {
		expiresIn string
		opts      []wrapper.SourceOption
		served    time.Duration // how long the token is served to callers that come every second
	}{
		"unknown":                {"null", nil, 4*time.Minute + 30*time.Second},
		"unknown, by option":     {"null", []wrapper.SourceOption{wrapper.WithUnknownLifetime(2 * time.Minute)}, 90 * time.Second},
		"an hour":                {"3600", nil, 59*time.Minute + 30*time.Second},
		"with another margin":    {"3600", []wrapper.SourceOption{wrapper.WithExpiryMargin(5 * time.Minute)}, 55 * time.Minute},
		"shorter than the rest":  {"20", nil, 0},
		"expired on arrival":     {"0", nil, 0},
		"options of zero":        {"3600", []wrapper.SourceOption{wrapper.WithExpiryMargin(0), wrapper.WithUnknownLifetime(-1)}, 59*time.Minute + 30*time.Second},
		"a window that is none":  {"3600", []wrapper.SourceOption{wrapper.WithRenewalWindow(2, 1)}, 59*time.Minute + 30*time.Second},
		"a renewal at the limit": {"3600", []wrapper.SourceOption{wrapper.WithRenewalWindow(1, 1)}, 59*time.Minute + 30*time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Renewals never end, so the first token is served for as long as it may be.
				var n atomic.Int64
				e := &endpoint{expiresIn: test.expiresIn}
				first := roundTrip(func(r *http.Request) (*http.Response, error) {
					if n.Add(1) > 1 {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return e.RoundTrip(r)
				})
				s := source(t, first, test.opts...)
				asked := time.Now()
				token := mustToken(t, s)
				last := time.Duration(0)
				for {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					again, err := s.Token(ctx)
					cancel()
					if err != nil {
						break
					}
					if again != token {
						t.Fatalf("got %v", again)
					}
					pass(time.Second)
					last = time.Since(asked)
				}
				if last > test.served+time.Second || last < test.served-time.Second {
					t.Errorf("the token was served for %v, want %v", last, test.served)
				}
				pass(3 * time.Minute) // for what is under way to run into its limit
			})
		})
	}
}

func TestInvalidateDropsTheTokenThatWasRefusedAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		first := mustToken(t, s)
		s.Invalidate(nil)
		s.Invalidate(&wrapper.Token{AccessToken: "another"})
		if again := mustToken(t, s); again != first {
			t.Error("a token that nobody refused was dropped")
		}
		refused := *first
		s.Invalidate(&refused)
		second := mustToken(t, s)
		if second.AccessToken == first.AccessToken || e.count() != 2 {
			t.Errorf("got %q after %d exchanges", second.AccessToken, e.count())
		}
		s.Invalidate(first) // a slow caller's refusal of what has been replaced
		if again := mustToken(t, s); again != second {
			t.Error("the new token was dropped for the old one")
		}
	})
}

func TestARenewalIsOneAttemptAndAnExchangeSomebodyWaitsForIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		failed := failing(500)
		e := &endpoint{fail: func() *answer {
			if down.Load() {
				return &failed
			}
			return nil
		}}
		s := source(t, e, wrapper.WithRenewalWindow(0.8, 0.8))
		first := mustToken(t, s)
		down.Store(true)
		pass(time.Until(first.ExpiresAt.Add(-12 * time.Minute)))
		mustToken(t, s)
		pass(20 * time.Second)
		if n := e.count(); n != 2 {
			t.Errorf("the renewal made %d requests, want 1", n-1)
		}
		s.Invalidate(first)
		if _, err := s.Token(t.Context()); asError(t, err).Attempts != 4 {
			t.Errorf("the exchange ended with %v", err)
		}
	})
}

func TestCallersWithoutATokenWaitForTheRenewalUnderWayAndTryOnIfItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		e := &endpoint{expiresIn: "40"}
		// The second request, the renewal, hangs until the token is gone, and then fails.
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			if requests.Add(1) == 2 {
				<-time.After(20 * time.Second)
				return nil, io.ErrUnexpectedEOF
			}
			return e.RoundTrip(r)
		})
		s := source(t, hang, wrapper.WithRenewalWindow(0.1, 0.1))
		mustToken(t, s)
		pass(5 * time.Second)
		mustToken(t, s) // starts the renewal
		pass(6 * time.Second)
		before := time.Now()
		token := mustToken(t, s)
		if waited := time.Since(before); waited < 10*time.Second || requests.Load() != 3 || token.AccessToken != "token-2" {
			t.Errorf("after %v and %d requests got %v", waited, requests.Load(), token)
		}
	})
}

func TestAnExchangeHasATimeLimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		s := source(t, hang, wrapper.WithExchangeTimeout(7*time.Second))
		before := time.Now()
		_, err := s.Token(t.Context())
		if e := asError(t, err); time.Since(before) != 7*time.Second || !e.Retryable() {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
	})
}

func TestACallerWhoseContextHasEndedStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := source(t, e).Token(ctx)
		if synctest.Wait(); e.count() != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d exchanges, %v", e.count(), err)
		}
		if text := asError(t, err).Error(); strings.Contains(text, "request id") {
			t.Errorf("%q names ids of a request that there was not", text)
		}
	})
}

func TestARequestIDOfTheContextIsNotTakenOverIntoExchangesForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		id := uuid.New()
		if _, err := s.Token(wrapper.ContextWithRequestID(t.Context(), id)); err != nil || e.ids[0] == id.String() {
			t.Errorf("%v; the exchange had the id of the call that began it", err)
		}
	})
}

func TestAnExchangeThatEndsItsGoroutineLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := wrapper.NewClient(func(context.Context) (string, error) {
			runtime.Goexit() // as t.FailNow in a caller's test does
			return "", nil
		}, wrapper.WithHTTPClient(&http.Client{Transport: &endpoint{}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wrapper.NewTokenSource(client).Token(t.Context()); err == nil {
			t.Error("got a token")
		}
	})
}

func TestASourceShowsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &script{answers: []answer{ok()}})
		if text := fmt.Sprint(s); text != "TokenSource{<nil>}" {
			t.Errorf("without a token it is %s", text)
		}
		mustToken(t, s)
		synctest.Wait()
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			if text := fmt.Sprintf(verb, s); strings.Contains(text, "canary") || !strings.Contains(text, "REDACTED") {
				t.Errorf("%s: %s", verb, text)
			}
		}
	})
}

func TestTokenSource_ServesManyCallersThatRefuseTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		client := inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if n.Add(1)%5 == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return (&script{answers: []answer{{
				status: 200, contentType: "application/json", body: fmt.Sprintf(`{"access_token":"token-%d","expires_in":35}`, n.Load()),
			}}}).RoundTrip(r)
		}))
		s := wrapper.NewTokenSource(client, wrapper.WithRenewalWindow(0.0001, 0.001), wrapper.WithRenewalPause(time.Microsecond))
		var callers sync.WaitGroup
		for i := range 32 {
			callers.Go(func() {
				for j := range 300 {
					token, err := s.Token(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if (i+j)%7 == 0 {
						s.Invalidate(token)
					}
				}
			})
		}
		callers.Wait()
	})
}
