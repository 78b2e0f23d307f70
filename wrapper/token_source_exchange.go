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

const (
	// mostRunning is how many exchanges may run, those included that a bearer or a transport holds beyond their limit.
	mostRunning = 8
	// mostShared bounds for how long a Retry-After keeps callers from the service.
	mostShared = 5 * time.Minute
	// Exchanges that bring tokens of no use keep a distance that doubles from one bound to the other.
	leastDistance = 100 * time.Millisecond
	mostDistance  = 30 * time.Second
)

var (
	errDeaf    = errors.New("a bearer, a transport or a sharer ignores its context")
	errShort   = errors.New("the token expires at once")
	errRefused = errors.New("the token is the one that was refused")
)

// begin begins an exchange if one is due, and returns what is held. It needs mu.
func (s *TokenSource) begin(ctx context.Context) (h *held, now instant) {
	h, now = s.current.Load(), s.now()
	if !h.fresh(now) && !s.flight.underWay() && now.until(s.next) <= 0 {
		// The exchange serves others as well, so it outlives the call that began it. It has a request id of its own: with
		// the caller's the service would give the same token again.
		ctx = ContextWithRequestID(context.WithoutCancel(ctx), uuid.Nil)
		s.flight = &flight{renewal: h.valid(now), began: now, done: make(chan struct{})}
		go s.exchange(ctx, s.flight)
	}
	return h, now
}

// exchange makes an exchange, in a goroutine of its own, and lands it, at its limit whatever is below.
func (s *TokenSource) exchange(ctx context.Context, f *flight) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.exchangeTimeout)
	defer cancel()
	// A moment after the context's end, so that what heeds it can say what it was waiting for.
	limit := time.AfterFunc(s.cfg.exchangeTimeout+10*time.Millisecond, func() {
		s.land(ctx, f, nil, 0, s.failure(limited, fmt.Errorf("%w: %w", limited.Err(), errDeaf)))
	})
	var (
		token   *Token
		again   time.Duration // when the sharer wants to be asked next
		failure *Error
	)
	defer func() {
		reason := recover()
		if reason != nil {
			failure = &Error{Err: RedactError(fmt.Errorf("panic in the exchange: %v", reason))}
		} else if token == nil && failure == nil { // a BearerFunc can end the goroutine
			failure = &Error{Err: errors.New("the exchange ended without an outcome")}
		}
		if limit.Stop() { // else it has been abandoned
			s.land(ctx, f, token, again, failure)
		}
		if reason != nil {
			s.log(ctx, slog.LevelError, "panic while getting a token", failure, slog.String("stack", string(debug.Stack())))
		}
	}()
	defer s.running.Add(-1)
	if s.running.Add(1) > mostRunning {
		failure = &Error{Err: fmt.Errorf("%d exchanges run on after their limit: %w", mostRunning, errDeaf)}
		return
	}
	attempts := 1 + s.client.retrier.retry.MaxRetries
	if f.renewal { // it has time: the source's pause is kinder to a service in trouble than the client's retries are
		attempts = 1
	}
	exchange := func(ctx context.Context) (*Token, error) { return s.client.exchange(ctx, attempts) }
	var err error
	if s.sharer != nil {
		token, again, err = s.sharer.Token(limited, s.situation(), exchange)
	} else {
		token, err = exchange(limited)
	}
	failure = s.failure(limited, err)
}

// failure returns err as callers get it. Whatever context ended, such as the exchange's own at its limit, theirs has not,
// so it must not look as if it had.
func (s *TokenSource) failure(limited context.Context, err error) *Error {
	e, ok := errors.AsType[*Error](err)
	switch {
	case err == nil || ok && e == nil:
		return nil
	case !ok:
		e = &Error{Err: RedactError(err)}
	}
	if errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled) {
		reason := "the exchange ended early"
		if limited.Err() != nil {
			reason = fmt.Sprintf("no token within WithExchangeTimeout (%s)", s.cfg.exchangeTimeout)
		}
		e = new(*e)
		e.Err = fmt.Errorf("%s: %w: %v", reason, os.ErrDeadlineExceeded, e.Err)
	}
	return e
}

// land makes the outcome of an exchange known, and logs what no caller is told of.
func (s *TokenSource) land(ctx context.Context, f *flight, token *Token, again time.Duration, failure *Error) {
	s.mu.Lock()
	old, now := s.current.Load(), s.now()
	h, left := old, now.until(old.end)
	s.next, f.landed = now, now
	var err error
	switch {
	case failure != nil:
		err = failure
		rest := min(failure.RetryAfter, mostShared)
		if !f.renewal {
			rest = max(rest, s.cfg.sharedFailure)
		}
		if rest > 0 {
			s.next, f.failure = now.add(rest), failure
		}
	case s.refused != nil && token.AccessToken == s.refused.AccessToken:
		err = errRefused
	case token != old.token:
		f.token = token
		other := s.hold(token, f.began)
		if f.began.until(other.end) < time.Second {
			err = errShort
		}
		if err == nil || left <= 0 { // a short one is there for Invalidate alone
			h = other
		}
		if old.served(now) {
			s.distance = 0
		}
	case left <= 0: // the sharer knows no better one; whoever waits begins anew
		err = errShort
	}
	if failure == nil && (err != nil || f.refused) {
		s.keepDistance(now)
	}
	if h == old && again <= 0 {
		again = s.pause(left)
	}
	if failure != nil {
		again = max(again, failure.RetryAfter)
	}
	if again > 0 {
		h = &held{h.token, h.since, now.add(min(again, now.until(h.end))), h.end}
	}
	s.current.Store(h)
	s.mu.Unlock()
	close(f.done) // not before: the next call of one who waited may have to renew what has come
	switch {
	case err != nil && left > 0:
		s.log(ctx, slog.LevelWarn, "renewing the token failed; the old one is still valid", err,
			slog.Duration("valid_for", left), slog.Duration("retry_in", again))
	case err != nil && failure == nil:
		s.log(ctx, slog.LevelWarn, "the exchange brought a token of no use", err)
	}
}

// log logs in a goroutine of the source's own, where a logger that panics would end the process.
func (s *TokenSource) log(ctx context.Context, level slog.Level, message string, err error, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	s.client.retrier.logger.LogAttrs(ctx, level, message, append(attrs, slog.String("error", err.Error()))...)
}

// hold works out when a token changes state.
func (s *TokenSource) hold(t *Token, began instant) *held {
	lifetime := s.cfg.unknownLifetime
	if !t.ExpiresAt.IsZero() {
		lifetime = min(max(0, t.ExpiresAt.Sub(time.Unix(0, began.wall))), forever)
	}
	end := lifetime - s.cfg.expiryMargin
	stale := min(time.Duration(float64(lifetime)*s.cfg.renewAt), end)
	return &held{token: t, since: began, stale: began.add(stale), end: began.add(end)}
}

// keepDistance has the next exchange wait, since a token was of no use. It needs mu, and no exchange under way.
func (s *TokenSource) keepDistance(now instant) {
	s.distance = min(max(leastDistance, 2*s.distance), mostDistance)
	s.flight, s.next = new(flight), now.add(s.distance/2+rand.N(s.distance/2))
}

// pause is how long to leave a service alone after a renewal failed. The next try comes near the token's end, less a
// reserve for a few more at the shortest pause: few go to a service that is down, and those that come when it is back are
// spread over time. `make fleet` shows it.
func (s *TokenSource) pause(left time.Duration) time.Duration {
	shortest := s.cfg.renewalPause
	spare := max(0, left-2*shortest-shortest/2)
	return max(shortest, spare-rand.N(spare/10+1))
}
