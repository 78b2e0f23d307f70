package wrapper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
)

// land makes the outcome of an exchange known, and logs what no caller is told of. Only the first outcome counts.
func (s *TokenSource) land(ctx context.Context, f *flight, token *Token, again time.Duration, err error) {
	s.mu.Lock()
	if s.flight != f {
		s.abandoned-- // what ran on after its limit has ended
		s.mu.Unlock()
		return
	}
	s.flight, f.ended = nil, s.now()
	h := s.current.Load()
	valid := h.state(f.ended) != expired
	if err == nil {
		err = s.take(f, h, token, again)
	} else {
		f.err, f.share = err, min(retryAfterOf(err), mostShared)
		if !f.renewal {
			f.share = max(f.share, s.cfg.sharedFailure)
		}
		s.failure = f
	}
	var left, pause time.Duration
	if err != nil && valid {
		age := f.ended.since(h.since)
		left = h.end - age
		pause = max(cmp.Or(again, s.pause(left, err)), retryAfterOf(err))
		later := *h
		later.stale = age + min(pause, left)
		s.current.Store(&later)
	}
	close(f.done)
	s.mu.Unlock()
	switch {
	case err == nil:
	case valid:
		s.log(ctx, slog.LevelWarn, "renewing the token failed; the old one is still valid",
			slog.Duration("valid_for", left), slog.Duration("retry_in", pause), slog.String("error", err.Error()))
	case f.err == nil:
		s.log(ctx, slog.LevelWarn, "the exchange brought a token of no use", slog.String("error", err.Error()))
	}
}

// log logs in a goroutine of the source's own, where a logger that panics would end the process.
func (s *TokenSource) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	s.client.logger.LogAttrs(ctx, level, message, attrs...)
}

var (
	errShort   = errors.New("the token expires at once")
	errRefused = errors.New("the token is the one that was refused")
)

// take puts a token into service, or returns why it is of no use. One that is too short serves those who wait for it.
func (s *TokenSource) take(f *flight, old *held, token *Token, again time.Duration) error {
	s.failure = nil
	h := s.hold(token, f.began)
	if old != nil && old.token == token { // the sharer knows no better one
		*h = *old
	}
	if again > 0 {
		h.stale = min(f.ended.since(h.since)+again, h.end)
	}
	switch {
	case s.refused != nil && token.AccessToken == s.refused.AccessToken:
		s.keepDistance(f.ended)
		return errRefused
	case h.end < time.Second:
		f.token = token
		s.keepDistance(f.ended)
		return errShort
	}
	s.served(old, f.ended)
	f.token = token
	s.current.Store(h)
	return nil
}

// hold works out when a token changes state.
func (s *TokenSource) hold(t *Token, began instant) *held {
	lifetime := s.cfg.unknownLifetime
	if !t.ExpiresAt.IsZero() {
		lifetime = t.ExpiresAt.Sub(time.Unix(0, began.wall))
	}
	end := lifetime - s.cfg.expiryMargin
	stale := time.Duration(min(float64(lifetime)*s.renewAt, float64(end)))
	return &held{token: t, since: began, stale: stale, end: end}
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

// pause is how long to leave a service alone after a renewal failed. The next try comes near the end of what the
// token still lasts, less a reserve for a few more at the shortest pause. So few tries go to a service that is down, those
// that come when it is back are spread over time, and one of them comes in time. `make fleet` shows it.
func (s *TokenSource) pause(left time.Duration, err error) time.Duration {
	const reserve = 2.5 // shortest pauses
	pause := s.cfg.renewalPause
	if pause < left/3 {
		most := float64(left) - reserve*float64(pause)
		pause = max(pause, time.Duration(most*(0.9+0.1*rand.Float64())))
	}
	return max(pause, retryAfterOf(err))
}

// mostShared bounds for how long a Retry-After keeps callers from the service.
const mostShared = 5 * time.Minute

func retryAfterOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// failed returns the failure as it is at a later moment.
func (f *flight) failed(now instant) error {
	var e *Error
	if !errors.As(f.err, &e) || e.RetryAfter == 0 {
		return f.err
	}
	later := *e
	later.RetryAfter = max(0, e.RetryAfter-now.since(f.ended))
	return &later
}

// overran returns the error of an exchange that its own limit ended. The callers' contexts have not, so it must not look
// as if they had.
func (s *TokenSource) overran(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{}
	}
	limit := *e
	limit.Err = fmt.Errorf("no token within WithExchangeTimeout (%s): %w", s.cfg.exchangeTimeout, os.ErrDeadlineExceeded)
	if e.Err != nil {
		limit.Err = fmt.Errorf("%w: %v", limit.Err, e.Err)
	}
	return &limit
}
