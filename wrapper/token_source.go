package wrapper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// TokenSource keeps a token at hand, for a service that needs a valid one at every moment. Make one with
// [NewTokenSource] for each client and share it. It is safe for concurrent use, starts nothing before it is asked, and
// has nothing to close: a source that nobody asks holds no goroutine and no timer.
//
// While a token is fresh, asking for it costs a look at the clock. One exchange at a time is made whatever the number of
// callers. Well before the token expires, a call makes the source renew it in the background, at a moment that differs
// from source to source, so that nobody waits and a fleet does not come all at once. While the old token is valid, a
// renewal that fails costs callers nothing and is tried again after a pause.
//
// Lifetimes are counted by the wall clock and by the monotonic one, whichever says that more time has passed. So a
// machine that slept does not serve an expired token, nor one whose clock was set back; a clock that is set forward
// costs an exchange.
type TokenSource struct {
	client *Client
	cfg    sourceConfig
	// renewAt is the part of a token's lifetime after which this source renews it.
	renewAt float64
	now     func() instant

	current atomic.Pointer[held] // what Token reads; written under mu

	mu      sync.Mutex
	flight  *flight // the exchange under way
	failure *flight // the last one, if it failed with nothing to serve
}

// held is a token with the ages at which it changes state. It is never changed: another takes its place.
type held struct {
	token  *Token
	since  instant       // when it was asked for
	renew  time.Duration // the age from which a call starts a renewal
	expire time.Duration // the age from which it is not served
}

// flight is an exchange under way, and its outcome once done is closed.
type flight struct {
	renewal bool
	done    chan struct{}
	token   *Token
	err     error
	ended   instant
}

// instant is a reading of both clocks, in nanoseconds.
type instant struct{ wall, monotonic int64 }

// origin is where the monotonic clock is read from; which moment it is does not matter.
var origin = time.Now()

func now() instant {
	t := time.Now()
	return instant{wall: t.UnixNano(), monotonic: int64(t.Sub(origin))}
}

// since returns how much time has passed between two readings, by the clock that says more.
func (i instant) since(earlier instant) time.Duration {
	return time.Duration(max(i.wall-earlier.wall, i.monotonic-earlier.monotonic))
}

// NewTokenSource returns a source of tokens that c gets. It makes no exchange until it is asked for a token.
func NewTokenSource(c *Client, opts ...SourceOption) *TokenSource {
	s := &TokenSource{client: c, now: now, cfg: sourceDefaults}
	for _, opt := range opts {
		opt(&s.cfg)
	}
	// Drawn once: sources of different periods drift apart steadily, where a new draw for each token would have them
	// wander.
	s.renewAt = s.cfg.renewFrom + rand.Float64()*(s.cfg.renewTo-s.cfg.renewFrom)
	return s
}

// Token returns a token that is valid for longer than the expiry margin, unless the service gives only shorter ones. It
// waits only while there is none: for the first, after [TokenSource.Invalidate], or when renewals failed until the last
// one expired. A caller whose context ends stops waiting; the exchange goes on for the others, and under a time limit of
// its own. Callers share the token, so it must not be changed.
//
// Every error it returns is an [*Error]. Callers within a second of a failure get that failure.
func (s *TokenSource) Token(ctx context.Context) (*Token, error) {
	if h := s.current.Load(); h != nil {
		age := s.now().since(h.since)
		if age < h.renew {
			return h.token, nil
		}
		if age < h.expire {
			s.renew(ctx, h)
			return h.token, nil
		}
	}
	return s.wait(ctx)
}

// Invalidate drops t, for a caller that the far side refused it to, so that the next call gets another token. A token
// other than the one the source holds is left alone: it has been replaced already. A nil t does nothing.
func (s *TokenSource) Invalidate(t *Token) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.current.Load(); h != nil && h.token.AccessToken == t.AccessToken {
		s.current.Store(nil)
	}
}

// Format implements [fmt.Formatter] for every verb and flag: the token that is held, without its secret. Without it, fmt
// would look at the source's fields while they change.
func (s *TokenSource) Format(f fmt.State, _ rune) {
	var token *Token
	if h := s.current.Load(); h != nil {
		token = h.token
	}
	_, _ = fmt.Fprintf(f, "TokenSource{%v}", token)
}

// renew starts a renewal of h in the background, unless somebody else has.
func (s *TokenSource) renew(ctx context.Context, h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil || s.current.Load() != h {
		return
	}
	busy := *h
	busy.renew = busy.expire // until the renewal has ended, callers need not come here again
	s.current.Store(&busy)
	s.start(ctx, true)
}

// wait returns the outcome of an exchange: the one under way, or a new one.
func (s *TokenSource) wait(ctx context.Context) (*Token, error) {
	for ctx.Err() == nil {
		f := s.join(ctx)
		select {
		case <-f.done:
		case <-ctx.Done():
			continue
		}
		if f.err == nil || !f.renewal {
			return f.token, f.err
		}
		// A renewal is one attempt; with nothing left to serve, a whole exchange has to be tried.
	}
	return nil, &Error{Err: fmt.Errorf("%w while waiting for a token", ctx.Err())}
}

// join returns what a caller without a token is to wait for.
func (s *TokenSource) join(ctx context.Context) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	now := s.now()
	if h := s.current.Load(); h != nil && now.since(h.since) < h.expire {
		return &flight{done: closed, token: h.token} // somebody else was faster
	}
	if s.failure != nil && now.since(s.failure.ended) < s.cfg.sharedFailure {
		return s.failure
	}
	return s.start(ctx, false)
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// start begins an exchange. It needs mu.
func (s *TokenSource) start(ctx context.Context, renewal bool) *flight {
	f := &flight{renewal: renewal, done: make(chan struct{})}
	s.flight = f
	// The exchange outlives the call that began it and serves others, so of its context the values remain alone, and
	// of those not the request id: with it the service would give the same token again.
	ctx = ContextWithRequestID(context.WithoutCancel(ctx), uuid.Nil)
	if renewal {
		ctx = context.WithValue(ctx, singleAttempt{}, true)
	}
	go s.exchange(ctx, f)
	return f
}

// singleAttempt is the context key of a call that is not to be tried again by the client. A renewal has time: the pause
// of the source is kinder to a service in trouble than the client's retries are.
type singleAttempt struct{}

// exchange makes an exchange, in a goroutine of its own.
func (s *TokenSource) exchange(ctx context.Context, f *flight) {
	f.err = &Error{Err: errors.New("the exchange ended without an outcome")} // if the BearerFunc ends the goroutine
	began := s.now()
	defer func() { s.end(ctx, f, began) }()
	limited, cancel := context.WithTimeout(ctx, s.cfg.exchangeTimeout)
	defer cancel()
	f.token, f.err = s.client.GenerateToken(limited)
}

// end publishes the outcome of an exchange, and logs a failure that no caller is told of.
func (s *TokenSource) end(ctx context.Context, f *flight, began instant) {
	validFor, pause := s.publish(f, began)
	if validFor > 0 {
		s.client.logger.WarnContext(ctx, "renewing the token failed; the old one is still valid",
			slog.Duration("valid_for", validFor), slog.Duration("retry_in", pause), slog.String("error", f.err.Error()))
	}
}

// publish makes the outcome of an exchange known. Where a renewal failed, it returns for how long the old token is still
// served, and when the next renewal may be tried.
func (s *TokenSource) publish(f *flight, began instant) (validFor, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	f.ended = s.now()
	s.flight = nil
	if f.err == nil {
		s.failure = nil
		s.current.Store(s.hold(f.token, began))
		return 0, 0
	}
	if h := s.current.Load(); h != nil {
		age := f.ended.since(h.since)
		if validFor = h.expire - age; validFor > 0 {
			pause = s.pause(validFor, f.err)
			later := *h
			later.renew = min(age+pause, h.expire)
			s.current.Store(&later)
			return validFor, pause
		}
	}
	if !f.renewal {
		s.failure = f
	}
	return 0, 0
}

// hold works out when a token changes state.
func (s *TokenSource) hold(t *Token, began instant) *held {
	lifetime := s.cfg.unknownLifetime
	if !t.ExpiresAt.IsZero() {
		lifetime = t.ExpiresAt.Sub(time.Unix(0, began.wall))
	}
	expire := lifetime - s.cfg.expiryMargin
	renew := time.Duration(float64(lifetime) * s.renewAt)
	return &held{token: t, since: began, renew: min(renew, expire), expire: expire}
}

// pause is how long to leave a service alone after a renewal failed. The next try comes near the end of what the
// token still lasts, less a reserve for a few more at the shortest pause. So few tries go to a service that is down, those
// that come when it is back are spread over time, and one of them comes in time. `make fleet` shows it.
func (s *TokenSource) pause(left time.Duration, err error) time.Duration {
	const reserve = 2.5 // shortest pauses
	left -= time.Duration(reserve * float64(s.cfg.renewalPause))
	pause := time.Duration(float64(left) * (0.9 + 0.1*rand.Float64()))
	var e *Error
	if errors.As(err, &e) {
		pause = max(pause, e.RetryAfter)
	}
	return max(pause, s.cfg.renewalPause)
}
