package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

type exchangeFunc = func(context.Context) (*wrapper.Token, error)

// sharer is a wrapper.Sharer that keeps what a source had when it asked, and when it asked.
type sharer struct {
	answer func(ctx context.Context, now wrapper.Situation, exchange exchangeFunc) (*wrapper.Token, time.Duration, error)
	had    []wrapper.Situation
	asked  []time.Time
}

func (s *sharer) Token(ctx context.Context, now wrapper.Situation, exchange func(context.Context) (*wrapper.Token, error)) (*wrapper.Token, time.Duration, error) {
	s.had, s.asked = append(s.had, now), append(s.asked, time.Now())
	return s.answer(ctx, now, exchange)
}

func (s *sharer) use() wrapper.SourceOption {
	return wrapper.WithSharer(func() wrapper.Sharer { return s })
}

func alone(ctx context.Context, _ wrapper.Situation, exchange exchangeFunc) (*wrapper.Token, time.Duration, error) {
	token, err := exchange(ctx)
	return token, 0, err
}

func TestSharer_IsToldWhatTheSourceHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		s := &sharer{answer: alone}
		client := inMemory(t, &endpoint{}, wrapper.WithLogger(logger))
		source := wrapper.NewTokenSource(client, s.use(), wrapper.WithExpiryMargin(time.Minute), wrapper.WithUnknownLifetime(7*time.Minute), wrapper.WithRenewalWindow(0.5, 0.5))
		first := mustToken(t, source)
		pass(30 * time.Minute)
		mustToken(t, source) // starts the renewal
		pass(2 * time.Second)
		second := mustToken(t, source)
		source.Invalidate(second)
		mustToken(t, source)
		if len(s.had) != 3 {
			t.Fatalf("it was asked %d times", len(s.had))
		}
		for i, want := range []wrapper.Situation{
			{},
			{Held: first, Left: 29 * time.Minute}, // an hour less the margin and what has passed
			{Refused: second},
		} {
			got := s.had[i]
			checkEqual(t, "endpoint", got.Endpoint, "https://service.example/v3/generatetoken")
			checkEqual(t, "margin", got.Margin, time.Minute)
			checkEqual(t, "unknown lifetime", got.Unknown, 7*time.Minute)
			checkEqual(t, "logger", got.Logger, logger)
			checkEqual(t, "held", got.Held, want.Held)
			checkEqual(t, "refused", got.Refused, want.Refused)
			if got.Left > want.Left || got.Left < want.Left-2*time.Second {
				t.Errorf("question %d: %v left, want %v", i+1, got.Left, want.Left)
			}
		}
	})
}

// A question may take so long that what the source held when it asked is no longer to be served.
func TestSharer_TokenThatCameTooNearItsEndMeanwhileIsNotHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sharer{answer: alone}
		source := wrapper.NewTokenSource(inMemory(t, &endpoint{}), s.use())
		first := mustToken(t, source)
		s.answer = func(ctx context.Context, now wrapper.Situation, exchange exchangeFunc) (*wrapper.Token, time.Duration, error) {
			if now.Held == nil {
				return alone(ctx, now, exchange)
			}
			<-time.After(2 * time.Second)
			return now.Held, 0, nil
		}
		pass(time.Until(first.ExpiresAt) - 31*time.Second)
		mustToken(t, source) // starts the renewal
		pass(1100 * time.Millisecond)
		if token := mustToken(t, source); time.Until(token.ExpiresAt) <= 30*time.Second {
			t.Errorf("a token was handed out that lasts %v", time.Until(token.ExpiresAt))
		}
	})
}

// A sharer may have nothing better than what the source holds, again and again.
func TestSharer_IsNotAskedAtOnceAfterItReturnedWhatTheSourceHolds(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // for which the token has been held
		most  int           // questions in the next 10 minutes
	}{
		"a token that is served": {49 * time.Minute, 10},
		"a token that is over":   {2 * time.Hour, 40}, // exchanges keep a distance
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sharer{answer: alone}
				source := source(t, &endpoint{}, s.use())
				first := mustToken(t, source)
				s.answer = func(context.Context, wrapper.Situation, exchangeFunc) (*wrapper.Token, time.Duration, error) {
					return first, 0, nil
				}
				pass(test.after)
				for until := time.Now().Add(10 * time.Minute); time.Now().Before(until); pass(time.Second) {
					_, _ = tokenWithin(t, source, time.Second)
				}
				if n := len(s.asked) - 1; n < 1 || n > test.most {
					t.Errorf("asked %d times in 10 minutes, want at most %d", n, test.most)
				}
			})
		})
	}
}

func TestSharer_IsMadeOncePerSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		opt := wrapper.WithSharer(func() wrapper.Sharer {
			made++
			return &sharer{answer: alone}
		})
		client := inMemory(t, &endpoint{})
		for range 2 {
			s := wrapper.NewTokenSource(client, opt)
			s.Invalidate(mustToken(t, s))
			mustToken(t, s)
		}
		checkEqual(t, "sharers made", made, 2)
	})
}

func TestSharer_ExchangesWithOneAttemptWhileATokenIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, down := failingLater(failing(500))
		s := &sharer{answer: alone}
		source := source(t, e, s.use())
		token := mustToken(t, source)
		down.Store(true)
		pass(50 * time.Minute)
		mustToken(t, source)
		pass(30 * time.Second)
		checkEqual(t, "requests of the renewal", e.count()-1, 1)
		source.Invalidate(token)
		pass(time.Second)
		_, err := source.Token(t.Context())
		checkEqual(t, "attempts", asError(t, err).Attempts, 4)
	})
}

// A Retry-After of more than a few seconds ends an exchange that other processes wait for.
func TestSharer_ExchangesWithoutLongWaits(t *testing.T) {
	for header, attempts := range map[string]int{"5": 4, "6": 1} {
		synctest.Test(t, func(t *testing.T) {
			client := inMemory(t, &script{answers: []answer{failing(429, header)}}, wrapper.WithRetry(wrapper.Retry{MaxDelay: time.Hour}))
			_, err := wrapper.NewTokenSource(client, (&sharer{answer: alone}).use()).Token(t.Context())
			checkEqual(t, "attempts with a Retry-After of "+header, asError(t, err).Attempts, attempts)
			_, err = client.GenerateToken(t.Context()) // the client itself has more patience
			checkEqual(t, "attempts of the client", asError(t, err).Attempts, 4)
		})
	}
}

// The source asks again when the sharer says, whether a token came or not.
func TestSharer_IsAskedAgainWhenItSays(t *testing.T) {
	failure := errors.New("the store is down")
	tests := map[string]struct {
		again time.Duration
		fails bool
		want  time.Duration // after the first question; 0 for never in half an hour
	}{
		"a token, in 5 minutes":     {5 * time.Minute, false, 5 * time.Minute},
		"a failure, in 5 minutes":   {5 * time.Minute, true, 5 * time.Minute},
		"a token, never":            {math.MaxInt64, false, 0},
		"a failure, never":          {math.MaxInt64, true, 0},
		"a token, as it likes":      {0, false, 0}, // in 48 minutes
		"a token, before it came":   {-1, false, 0},
		"a failure, before it came": {-1, true, 0}, // near the end of what is left
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sharer{}
				source := source(t, &endpoint{}, s.use())
				s.answer = func(ctx context.Context, now wrapper.Situation, exchange exchangeFunc) (*wrapper.Token, time.Duration, error) {
					switch {
					case now.Held == nil:
						token, err := exchange(ctx)
						if test.fails {
							return token, time.Second, err
						}
						return token, test.again, err
					case test.fails:
						return nil, test.again, failure
					}
					return now.Held, test.again, nil
				}
				token := mustToken(t, source)
				if test.fails { // the second question, which fails, comes after a second
					pass(2 * time.Second)
					mustToken(t, source)
					synctest.Wait()
				}
				questions := len(s.asked)
				last := s.asked[questions-1]
				for time.Since(last) < 30*time.Minute && len(s.asked) == questions {
					checkEqual(t, "token", mustToken(t, source), token)
					pass(time.Second)
				}
				var after time.Duration
				if len(s.asked) > questions {
					after = s.asked[questions].Sub(last)
				}
				if after < test.want || after > test.want+5*time.Minute {
					t.Errorf("asked again after %v, want %v", after, test.want)
				}
				for range 600 {
					mustToken(t, source)
					pass(time.Second)
				}
				if n := len(s.asked); n > 8 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
}

func TestSharer_ErrorIsTheSources(t *testing.T) {
	refusal := &wrapper.Error{StatusCode: 403, Description: "no"}
	tests := map[string]struct {
		answer func() (*wrapper.Token, time.Duration, error)
		want   string
	}{
		"an error of the wrapper": {func() (*wrapper.Token, time.Duration, error) { return nil, 0, fmt.Errorf("shared: %w", refusal) }, "403 Forbidden"},
		"another": {func() (*wrapper.Token, time.Duration, error) {
			return nil, 0, errors.New("the store says access_token=canary-token")
		}, "the store says access_token=REDACTED"},
		"a panic":                  {func() (*wrapper.Token, time.Duration, error) { panic("it is broken") }, "panic in the exchange: it is broken"},
		"neither token nor error":  {func() (*wrapper.Token, time.Duration, error) { return nil, 0, nil }, "without an outcome"},
		"an *Error that is nil":    {func() (*wrapper.Token, time.Duration, error) { return nil, 0, (*wrapper.Error)(nil) }, "without an outcome"},
		"another error that is":    {func() (*wrapper.Token, time.Duration, error) { return nil, 0, (*cause)(nil) }, "panic in the exchange"},
		"a failure, again at once": {func() (*wrapper.Token, time.Duration, error) { return nil, 1, refusal }, "403 Forbidden"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sharer{answer: func(context.Context, wrapper.Situation, exchangeFunc) (*wrapper.Token, time.Duration, error) {
					return test.answer()
				}}
				_, err := source(t, &endpoint{}, s.use()).Token(t.Context())
				_ = asError(t, err)
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
			})
		})
	}
}

func TestSharer_EndOfAContextOfItsOwnIsNotTheCallers(t *testing.T) {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			s := &sharer{answer: func(context.Context, wrapper.Situation, exchangeFunc) (*wrapper.Token, time.Duration, error) {
				return nil, 0, fmt.Errorf("reading the store: %w", ended)
			}}
			_, err := source(t, &endpoint{}, s.use()).Token(t.Context())
			notTheCallers(t, err)
			contains(t, err.Error(), "reading the store")
		})
	}
}

func TestSharer_DoesNotGetARefusedTokenServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sharer{answer: alone}
		source := source(t, &endpoint{}, s.use())
		first := mustToken(t, source)
		source.Invalidate(first)
		s.answer = func(context.Context, wrapper.Situation, exchangeFunc) (*wrapper.Token, time.Duration, error) {
			again := *first
			return &again, 0, nil
		}
		token, err := tokenWithin(t, source, 5*time.Minute)
		if err == nil {
			t.Errorf("got %v", token)
		}
		if n := len(s.asked); n > 25 {
			t.Errorf("asked %d times in 5 minutes", n)
		}
	})
}
