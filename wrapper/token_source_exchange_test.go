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

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestTokenSource_SharesAFailureForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := failing(403)
		e := &endpoint{fail: func() *answer { return &failed }}
		s := source(t, e)
		_, first := s.Token(t.Context())
		wantKind(t, first, wrapper.ErrForbidden)
		pass(999 * time.Millisecond)
		_, err := s.Token(t.Context())
		checkEqual(t, "within a second: the same failure", errors.Is(err, first), true)
		checkEqual(t, "within a second: exchanges", e.count(), 1)
		pass(time.Millisecond)
		_, err = s.Token(t.Context())
		checkEqual(t, "after a second: the same failure", errors.Is(err, first), false)
		checkEqual(t, "after a second: exchanges", e.count(), 2)
	})
}

func TestTokenSource_SharesAFailureForAsLongAsTheServiceAsks(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		share  time.Duration
		after  time.Duration // what RetryAfter is at first
	}{
		"5 minutes":        {"300", 5 * time.Minute, 5 * time.Minute},
		"a minute":         {"61", 61 * time.Second, 61 * time.Second},
		"an hour":          {"3600", 5 * time.Minute, time.Hour}, // no longer, whatever it asks
		"2^64 seconds":     {"18446744073709551615", 5 * time.Minute, 9223372036 * time.Second},
		"less than others": {"0", time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := failing(429, test.header)
				e := &endpoint{fail: func() *answer { return &failed }}
				s := wrapper.NewTokenSource(inMemory(t, e, once()))
				_, err := s.Token(t.Context())
				checkEqual(t, "RetryAfter at first", asError(t, err).RetryAfter, test.after)
				start := time.Now()
				for left := test.share - time.Millisecond; time.Since(start) < left; {
					step := min(7*time.Second, left-time.Since(start))
					pass(step)
					_, err := s.Token(t.Context())
					e := asError(t, err)
					checkEqual(t, "status", e.StatusCode, 429)
					checkEqual(t, "RetryAfter", e.RetryAfter, max(0, test.after-time.Since(start)))
				}
				checkEqual(t, "exchanges meanwhile", e.count(), 1)
				pass(time.Millisecond)
				_, _ = s.Token(t.Context())
				checkEqual(t, "exchanges afterwards", e.count(), 2)
			})
		})
	}
}

// A service that asked to be left alone is left alone too when the token expires meanwhile.
func TestTokenSource_ObeysTheRetryAfterOfARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, down := failingLater(failing(429, "200"))
		s := source(t, e, wrapper.WithRenewalWindow(0.97, 0.97))
		mustToken(t, s)
		down.Store(true)
		pass(58*time.Minute + 30*time.Second)
		mustToken(t, s) // starts the renewal
		pass(time.Minute)
		_, err := tokenWithin(t, s, time.Minute) // the token has gone
		if e := asError(t, err); e.RetryAfter > 142*time.Second || e.RetryAfter < 140*time.Second {
			t.Errorf("RetryAfter is %v", e.RetryAfter)
		}
		checkEqual(t, "exchanges", e.count(), 2)
		pass(142 * time.Second)
		down.Store(false)
		checkEqual(t, "token", mustToken(t, s).AccessToken, "token-3")
	})
}

func TestTokenSource_DoesNotRenewBeforeRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		header   string
		renewals int
		gap      time.Duration
	}{
		"longer than it would wait by itself": {"640", 2, 640 * time.Second},
		"longer than the token lasts":         {"1800", 1, 0},
		"longer than nanoseconds count":       {"9223372036", 1, 0},
		"longer than anything":                {"99999999999999999999", 1, 0},
		"the last date":                       {"Fri, 31 Dec 9999 23:59:59 GMT", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, throttle := failingLater(failing(429, test.header))
				s := source(t, e, wrapper.WithRenewalWindow(0.8, 0.8))
				mustToken(t, s)
				throttle.Store(true)
				for range 59*60 + 20 {
					mustToken(t, s)
					pass(time.Second)
				}
				checkEqual(t, "renewals", e.count()-1, test.renewals)
				if test.renewals > 1 && e.asked[2].Sub(e.asked[1]) < test.gap {
					t.Errorf("a renewal was tried %v after the one before", e.asked[2].Sub(e.asked[1]))
				}
			})
		})
	}
}

func TestTokenSource_LimitsAnExchange(t *testing.T) {
	for name, limit := range map[string]time.Duration{"by default": 0, "by option": 7 * time.Second, "with a zero option": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := source(t, roundTrip(hang), wrapper.WithExchangeTimeout(limit))
				before := time.Now()
				_, err := s.Token(t.Context())
				if limit <= 0 {
					limit = 2 * time.Minute
				}
				checkEqual(t, "time", time.Since(before), limit)
				contains(t, err.Error(), "WithExchangeTimeout ("+limit.String()+")")
				notTheCallers(t, err)
			})
		})
	}
}

// deafBearer returns a bearer that heeds no context until it is released, and how many calls of it are under way.
func deafBearer(released <-chan struct{}) (wrapper.BearerFunc, *atomic.Int64) {
	var n atomic.Int64
	return func(context.Context) (string, error) {
		n.Add(1)
		defer n.Add(-1)
		<-released
		return bearer, nil
	}, &n
}

func TestTokenSource_LeavesAnExchangeThatHeedsNoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		deaf, underWay := deafBearer(released)
		e := &endpoint{}
		s := wrapper.NewTokenSource(withBearer(t, deaf, on(e)), wrapper.WithExchangeTimeout(7*time.Second))
		start := time.Now()
		_, err := s.Token(t.Context())
		notTheCallers(t, err)
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("took %v", took)
		}
		for range 100 { // callers that do not give up
			if _, err := s.Token(t.Context()); err == nil {
				t.Fatal("got a token")
			}
			pass(2 * time.Second)
		}
		checkEqual(t, "exchanges that run on", underWay.Load(), 8)
		_, err = s.Token(t.Context())
		contains(t, asError(t, err).Error(), "8 exchanges run on after their limit")
		close(released)
		pass(2 * time.Second)
		checkEqual(t, "exchanges that run on in the end", underWay.Load(), 0)
		token := mustToken(t, s)
		late := e.count() // those that ran on went on to the service
		pass(time.Minute)
		checkEqual(t, "the token is replaced by a late one", mustToken(t, s) == token, true)
		checkEqual(t, "exchanges afterwards", e.count(), late)
	})
}

func TestTokenSource_ServesItsTokenWhileARenewalHeedsNoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		deaf, underWay := deafBearer(released)
		var renewing atomic.Bool
		client := withBearer(t, func(ctx context.Context) (string, error) {
			if renewing.Load() {
				return deaf(ctx)
			}
			return bearer, nil
		}, on(&endpoint{}))
		s := wrapper.NewTokenSource(client)
		token := mustToken(t, s)
		renewing.Store(true)
		pass(48*time.Minute + time.Second)
		for range 11 * 60 {
			start := time.Now()
			checkEqual(t, "token", mustToken(t, s), token)
			checkEqual(t, "wait", time.Since(start), 0)
			pass(time.Second)
		}
		if n := underWay.Load(); n < 1 || n > 8 {
			t.Errorf("%d exchanges run on", n)
		}
		close(released)
		pass(5 * time.Second)
	})
}

type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool { return true }
func (panicking) Handle(context.Context, slog.Record) error {
	panic("the logger has access_token=canary-in-a-panic")
}

// panics returns what panics, and when.
func panics() map[string]func(t *testing.T, now *atomic.Bool, logger *slog.Logger) *wrapper.Client {
	const says = "it is broken: access_token=canary-in-a-panic"
	do := func(now *atomic.Bool) {
		if now.Load() {
			panic(errors.New(says))
		}
	}
	return map[string]func(t *testing.T, now *atomic.Bool, logger *slog.Logger) *wrapper.Client{
		"the bearer": func(t *testing.T, now *atomic.Bool, logger *slog.Logger) *wrapper.Client {
			return withBearer(t, func(context.Context) (string, error) {
				do(now)
				return bearer, nil
			}, on(&endpoint{}), wrapper.WithLogger(logger))
		},
		"the transport": func(t *testing.T, now *atomic.Bool, logger *slog.Logger) *wrapper.Client {
			e := &endpoint{}
			return inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				do(now)
				return e.RoundTrip(r)
			}), wrapper.WithLogger(logger))
		},
		"a body": func(t *testing.T, now *atomic.Bool, logger *slog.Logger) *wrapper.Client {
			e := &endpoint{}
			return inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := e.RoundTrip(r)
				resp.Body = io.NopCloser(io.MultiReader(readerFunc(func([]byte) (int, error) {
					do(now)
					return 0, io.EOF
				}), resp.Body))
				return resp, err
			}), wrapper.WithLogger(logger))
		},
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTokenSource_TurnsAPanicIntoAnErrorForThoseWhoWait(t *testing.T) {
	for name, newClient := range panics() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now atomic.Bool
				var log strings.Builder
				s := wrapper.NewTokenSource(newClient(t, &now, slog.New(slog.NewTextHandler(&log, nil))))
				now.Store(true)
				var callers sync.WaitGroup
				for range 10 {
					callers.Go(func() {
						_, err := s.Token(t.Context())
						contains(t, asError(t, err).Error(), "panic", "it is broken")
					})
				}
				callers.Wait()
				synctest.Wait()
				contains(t, log.String(), "level=ERROR", "panic", "it is broken", "stack=", "token_source_exchange_test.go")
				if strings.Contains(log.String(), "canary") {
					t.Errorf("the log holds a secret: %s", log.String())
				}
				now.Store(false)
				pass(time.Second)
				mustToken(t, s)
			})
		})
		t.Run(name+", in a renewal", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now atomic.Bool
				s := wrapper.NewTokenSource(newClient(t, &now, slog.New(slog.DiscardHandler)))
				first := mustToken(t, s)
				now.Store(true)
				pass(50 * time.Minute)
				checkEqual(t, "token", mustToken(t, s), first)
				pass(time.Second)
				checkEqual(t, "token after the panic", mustToken(t, s), first)
				now.Store(false)
				pass(8*time.Minute + 30*time.Second)
				mustToken(t, s)
				pass(2 * time.Second)
				checkEqual(t, "renewed", mustToken(t, s) != first, true)
				pass(time.Minute)
			})
		})
	}
}

func TestTokenSource_OutlivesALoggerThatPanics(t *testing.T) {
	for name, rt := range map[string]roundTrip{
		"when the service fails": (&endpoint{fail: func() *answer { a := failing(503); return &a }}).RoundTrip,
		"when all is well":       (&endpoint{}).RoundTrip,
		"when it panics too":     func(*http.Request) (*http.Response, error) { panic("it is broken") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := wrapper.NewTokenSource(inMemory(t, rt, once(), wrapper.WithLogger(slog.New(panicking{}))))
				for range 3 {
					_, err := tokenWithin(t, s, time.Minute)
					contains(t, asError(t, err).Error(), "panic")
					pass(2 * time.Second)
				}
			})
		})
	}
}

func TestTokenSource_LeavesNobodyWaitingForAGoroutineThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := withBearer(t, func(context.Context) (string, error) {
			runtime.Goexit() // as t.FailNow in a caller's test does
			return "", nil
		}, on(&endpoint{}))
		_, err := wrapper.NewTokenSource(client).Token(t.Context())
		contains(t, asError(t, err).Error(), "without an outcome")
	})
}

// An answer of 101, or a body that heeds no context, would take a source out of service for good.
func TestTokenSource_OutlivesAnAnswerThatNeverEnds(t *testing.T) {
	for _, status := range []int{101, 200, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				e := &endpoint{}
				s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					if n.Add(1) <= 4 {
						return &http.Response{StatusCode: status, Header: http.Header{}, Body: newDeaf()}, nil
					}
					return e.RoundTrip(r)
				}))
				_, err := tokenWithin(t, s, 5*time.Minute)
				_ = asError(t, err)
				pass(time.Minute)
				for range 5 {
					if _, err = tokenWithin(t, s, time.Minute); err == nil {
						return
					}
					pass(2 * time.Second)
				}
				t.Errorf("it is out of service: %v", err)
			})
		})
	}
}
