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
	go s.exchange(ContextWithRequestID(context.WithoutCancel(ctx), uuid.Nil), s.flight, s.abandoned)
}

// mostAbandoned is how many exchanges may run on after their limit, for a bearer or a transport that ignores its context.
const mostAbandoned = 8

// exchange makes an exchange, in a goroutine of its own, and lands it at its limit whatever is below.
func (s *TokenSource) exchange(ctx context.Context, f *flight, abandoned int) {
	var (
		token   *Token
		again   time.Duration // when the sharer wants to be asked next
		failure *Error
	)
	limited, cancel := context.WithTimeout(ctx, s.cfg.exchangeTimeout)
	defer cancel()
	// A moment after the context's end, so that an exchange which heeds it can say what it was waiting for.
	abandon := time.AfterFunc(max(s.cfg.exchangeTimeout, s.cfg.exchangeTimeout+10*time.Millisecond), func() {
		s.mu.Lock()
		s.abandoned++
		s.mu.Unlock()
		s.land(ctx, f, nil, 0, s.overran(&Error{}))
	})
	defer func() {
		reason := recover()
		if reason != nil {
			failure = &Error{Err: RedactError(fmt.Errorf("panic in the exchange: %v", reason))}
		}
		if token == nil && failure == nil { // a BearerFunc can end the goroutine
			failure = &Error{Err: errors.New("the exchange ended without an outcome")}
		}
		abandon.Stop()
		if failure != nil && limited.Err() != nil {
			failure = s.overran(failure)
		}
		s.land(ctx, f, token, again, failure)
		if reason != nil {
			s.log(ctx, slog.LevelError, "panic while getting a token",
				slog.String("error", failure.Error()), slog.String("stack", string(debug.Stack())))
		}
	}()
	if abandoned >= mostAbandoned {
		failure = &Error{Err: fmt.Errorf("%d exchanges run on after their limit: the bearer or the transport ignores its context",
			abandoned)}
		return
	}
	var err error
	exchange := s.client.GenerateToken
	if f.renewal { // it has time: the source's pause is kinder to a service in trouble than the client's retries are
		exchange = func(ctx context.Context) (*Token, error) { return s.client.exchange(ctx, 1) }
	}
	if s.sharer != nil {
		token, again, err = s.sharer.Token(limited, s.situation(), exchange)
	} else {
		token, err = exchange(limited)
	}
	if err != nil && !errors.As(err, &failure) {
		failure = &Error{Err: RedactError(err)}
	}
}

// land makes the outcome of an exchange known, and logs what no caller is told of. Only the first outcome counts.
func (s *TokenSource) land(ctx context.Context, f *flight, token *Token, again time.Duration, failure *Error) {
	s.mu.Lock()
	if s.flight != f {
		s.abandoned-- // what ran on after its limit has ended
		s.mu.Unlock()
		return
	}
	s.flight, f.ended = nil, s.now()
	h := s.current.Load()
	valid := h.valid(f.ended)
	var (
		err         error
		left, pause time.Duration
	)
	if failure == nil {
		err = s.take(f, h, token, again)
	} else {
		err, pause = failure, failure.RetryAfter
		f.failure, f.share = failure, min(failure.RetryAfter, mostShared)
		if !f.renewal {
			f.share = max(f.share, s.cfg.sharedFailure)
		}
		s.failure = f
	}
	if err != nil && valid {
		left = h.end - f.ended.since(h.since)
		if again <= 0 {
			again = s.pause(left)
		}
		pause = max(pause, again)
		s.current.Store(h.staleIn(pause, f.ended))
	}
	close(f.done)
	s.mu.Unlock()
	switch {
	case err == nil:
	case valid:
		s.log(ctx, slog.LevelWarn, "renewing the token failed; the old one is still valid",
			slog.Duration("valid_for", left), slog.Duration("retry_in", pause), slog.String("error", err.Error()))
	case failure == nil:
		s.log(ctx, slog.LevelWarn, "the exchange brought a token of no use", slog.String("error", err.Error()))
	}
}

// log logs in a goroutine of the source's own, where a logger that panics would end the process.
func (s *TokenSource) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	s.client.retrier.logger.LogAttrs(ctx, level, message, attrs...)
}

var (
	errShort   = errors.New("the token expires at once")
	errRefused = errors.New("the token is the one that was refused")
)

// take puts a token into service, or returns why it is of no use. One that is too short serves those who wait for it.
func (s *TokenSource) take(f *flight, old *held, token *Token, again time.Duration) error {
	s.failure = nil
	if s.refused != nil && token.AccessToken == s.refused.AccessToken {
		s.keepDistance(f.ended)
		return errRefused
	}
	h := old
	switch {
	case old == nil || old.token != token: // else the sharer knows no better one
		h = s.hold(token, f.began)
	case !old.valid(f.ended):
		return nil // it has come too near to its end meanwhile; whoever waits begins anew
	}
	f.token, s.given = token, token
	if h.end < time.Second {
		s.keepDistance(f.ended)
		return errShort
	}
	if again > 0 {
		h = h.staleIn(again, f.ended)
	}
	s.served(old, f.ended)
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
	s.last, s.distance = now, bound/2+rand.N(bound/2)
}

// served reports whether a token has been of use for so long that no distance is to be kept any more.
func (s *TokenSource) served(h *held, now instant) bool {
	if h == nil || now.since(h.since) < mostDistance {
		return false
	}
	s.useless, s.distance = 0, 0
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

// mostShared bounds for how long a Retry-After keeps callers from the service.
const mostShared = 5 * time.Minute

// failed returns the failure as it is at a later moment.
func (f *flight) failed(now instant) *Error {
	if f.failure.RetryAfter == 0 {
		return f.failure
	}
	later := *f.failure
	later.RetryAfter = max(0, later.RetryAfter-now.since(f.ended))
	return &later
}

// overran returns the error of an exchange that its own limit ended. The callers' contexts have not, so it must not look
// as if they had.
func (s *TokenSource) overran(e *Error) *Error {
	limit := *e
	limit.Err = fmt.Errorf("no token within WithExchangeTimeout (%s): %w", s.cfg.exchangeTimeout, os.ErrDeadlineExceeded)
	if e.Err != nil {
		limit.Err = fmt.Errorf("%w: %v", limit.Err, e.Err)
	}
	return &limit
}
