package wrapper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
)

// start begins an exchange. It needs mu.
func (s *TokenSource) start(ctx context.Context, renewal bool) {
	s.flight = &flight{renewal: renewal, began: s.now(), done: make(chan struct{})}
	// The exchange serves others as well, so it outlives the call that began it. It has a request id of its own: with the
	// caller's the service would give the same token again.
	go s.exchange(ContextWithRequestID(context.WithoutCancel(ctx), uuid.Nil), s.flight)
}

// mostRunning is how many exchanges may run, those included that a bearer or a transport holds beyond their limit.
const mostRunning = 8

// exchange makes an exchange, in a goroutine of its own, and lands it at its limit whatever is below.
func (s *TokenSource) exchange(ctx context.Context, f *flight) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.exchangeTimeout)
	defer cancel()
	// A moment after the context's end, so that an exchange which heeds it can say what it was waiting for.
	abandon := time.AfterFunc(max(s.cfg.exchangeTimeout, s.cfg.exchangeTimeout+10*time.Millisecond), func() {
		s.land(ctx, f, nil, 0, s.failed(&Error{}, true))
	})
	var (
		token *Token
		again time.Duration // when the sharer wants to be asked next
		err   error
	)
	defer func() {
		reason := recover()
		if reason != nil {
			err = fmt.Errorf("panic in the exchange: %v", reason)
		} else if token == nil && err == nil { // a BearerFunc can end the goroutine
			err = errors.New("the exchange ended without an outcome")
		}
		abandon.Stop()
		failure := s.failed(err, limited.Err() != nil)
		s.land(ctx, f, token, again, failure)
		if reason != nil {
			s.log(ctx, slog.LevelError, "panic while getting a token", failure, slog.String("stack", string(debug.Stack())))
		}
	}()
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	default:
		err = fmt.Errorf("%d exchanges run on after their limit: the bearer or the transport ignores its context", mostRunning)
		return
	}
	attempts := 1 + s.client.retrier.retry.MaxRetries
	if f.renewal { // it has time: the source's pause is kinder to a service in trouble than the client's retries are
		attempts = 1
	}
	exchange := func(ctx context.Context) (*Token, error) { return s.client.exchange(ctx, attempts) }
	if s.sharer != nil {
		token, again, err = s.sharer.Token(limited, s.situation(), exchange)
	} else {
		token, err = exchange(limited)
	}
}

// failed returns why an exchange failed, as callers get it. If its own limit ended it, the callers' contexts have not,
// so it must not look as if they had.
func (s *TokenSource) failed(err error, overran bool) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		e = &Error{Err: RedactError(err)}
	}
	if !overran {
		return e
	}
	limit := *e
	limit.Err = fmt.Errorf("no token within WithExchangeTimeout (%s): %w", s.cfg.exchangeTimeout, os.ErrDeadlineExceeded)
	if e.Err != nil {
		limit.Err = fmt.Errorf("%w: %v", limit.Err, e.Err)
	}
	return &limit
}

// mostShared bounds for how long a Retry-After keeps callers from the service.
const mostShared = 5 * time.Minute

// land makes the outcome of an exchange known, and logs what no caller is told of. Only the first outcome counts.
func (s *TokenSource) land(ctx context.Context, f *flight, token *Token, again time.Duration, failure *Error) {
	s.mu.Lock()
	if s.flight != f { // it was abandoned
		s.mu.Unlock()
		return
	}
	s.flight = nil
	h, now := s.current.Load(), s.now()
	var (
		err         error
		left, pause time.Duration
	)
	if failure == nil {
		err = s.take(f, h, token, again, now)
	} else {
		err, pause = failure, failure.RetryAfter
		shared := min(pause, mostShared)
		if !f.renewal {
			shared = max(shared, s.cfg.sharedFailure)
		}
		if shared > 0 {
			f.failure = failure
			s.restFor(shared, now, failure)
		}
	}
	valid := err != nil && h.valid(now)
	if valid {
		left = h.end - now.since(h.since)
		if again <= 0 {
			again = s.pause(left)
		}
		pause = max(pause, again)
		s.current.Store(h.staleIn(pause, now))
	}
	close(f.done)
	s.mu.Unlock()
	switch {
	case valid:
		s.log(ctx, slog.LevelWarn, "renewing the token failed; the old one is still valid", err,
			slog.Duration("valid_for", left), slog.Duration("retry_in", pause))
	case err != nil && failure == nil:
		s.log(ctx, slog.LevelWarn, "the exchange brought a token of no use", err)
	}
}

// log logs in a goroutine of the source's own, where a logger that panics would end the process.
func (s *TokenSource) log(ctx context.Context, level slog.Level, message string, err error, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	s.client.retrier.logger.LogAttrs(ctx, level, message, append(attrs, slog.String("error", err.Error()))...)
}

var (
	errShort   = errors.New("the token expires at once")
	errRefused = errors.New("the token is the one that was refused")
)

// take puts a token into service, or returns why it is of no use. One that is too short serves those who wait for it.
func (s *TokenSource) take(f *flight, old *held, token *Token, again time.Duration, now instant) error {
	if s.refused != nil && token.AccessToken == s.refused.AccessToken {
		s.keepDistance(now)
		return errRefused
	}
	h := old
	switch {
	case old == nil || old.token != token: // else the sharer knows no better one
		h = s.hold(token, f.began)
	case !old.valid(now):
		return nil // it has come too near to its end meanwhile; whoever waits begins anew
	}
	f.token = token
	if h.end < time.Second {
		s.keepDistance(now)
		if !old.valid(now) {
			s.current.Store(h) // for Invalidate alone
		}
		return errShort
	}
	if again > 0 {
		h = h.staleIn(again, now)
	}
	s.served(old, now)
	s.current.Store(h)
	return nil
}

// hold works out when a token changes state.
func (s *TokenSource) hold(t *Token, began instant) *held {
	lifetime := s.cfg.unknownLifetime
	if !t.ExpiresAt.IsZero() {
		lifetime = max(0, t.ExpiresAt.Sub(time.Unix(0, began.wall)))
	}
	h := &held{token: t, since: began, end: lifetime - s.cfg.expiryMargin}
	h.stale = h.end
	if part := float64(lifetime) * s.cfg.renewAt; part < float64(h.end) {
		h.stale = time.Duration(part)
	}
	return h
}

// Exchanges that bring tokens of no use keep a distance that doubles from one bound to the other.
const (
	leastDistance = 100 * time.Millisecond
	mostDistance  = 30 * time.Second
)

// keepDistance has the next exchange wait, since a token was of no use.
func (s *TokenSource) keepDistance(now instant) {
	bound := min(leastDistance<<min(s.useless, 10), mostDistance)
	s.useless++
	s.restFor(bound/2+rand.N(bound/2), now, nil)
}

// restFor has no exchange begin for so long, or as long as was said before if that ends later.
func (s *TokenSource) restFor(d time.Duration, now instant, failure *Error) {
	if d > s.rest-now.since(s.rested) {
		s.rested, s.rest, s.failure = now, d, failure
	}
}

// served reports whether a token has been of use for so long that those before it do not count any more.
func (s *TokenSource) served(h *held, now instant) bool {
	if h == nil || now.since(h.since) < mostDistance {
		return false
	}
	s.useless = 0
	return true
}

// pause is how long to leave a service alone after a renewal failed. The next try comes near the token's end, less a
// reserve for a few more at the shortest pause: few go to a service that is down, and those that come when it is back are
// spread over time. `make fleet` shows it.
func (s *TokenSource) pause(left time.Duration) time.Duration {
	const reserve = 2.5 // shortest pauses
	pause := s.cfg.renewalPause
	if pause < left/3 {
		most := float64(left) - reserve*float64(pause)
		pause = max(pause, time.Duration(most*(0.9+0.1*rand.Float64())))
	}
	return pause
}
