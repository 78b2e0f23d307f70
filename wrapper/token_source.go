package wrapper

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// TokenSource caches a token and renews it in the background. Make one with [NewTokenSource] for each client and share
// it. It is safe for concurrent use and has nothing to close: a source that nobody asks holds no goroutine and no timer.
//
// One exchange at a time is made whatever the number of callers. Well before the token expires, a call starts its
// renewal in the background, at a moment that differs between sources, so that nobody waits and a fleet does not come
// all at once. While the old token is valid, a renewal that fails costs callers nothing and is tried again after a pause.
//
// Of the wall clock and the monotonic one, the one by which more time has passed counts. So neither sleep nor a clock
// that is set back makes a source serve an expired token; a clock that is set forward costs an exchange.
type TokenSource struct {
	client  *Client
	sharer  Sharer // nil: each exchange is the source's own
	cfg     sourceConfig
	now     func() instant
	running chan struct{} // holds one for each exchange that runs, abandoned ones included

	current atomic.Pointer[held] // what Token reads; written under mu

	mu      sync.Mutex
	flight  *flight // the exchange under way
	refused *Token  // the last one that was refused
	useless int     // how many tokens in a row were of no use

	rested  instant       // since when no exchange begins,
	rest    time.Duration // for how long,
	failure *Error        // and what callers get meanwhile; nil: they wait
}

// held is a token with the ages at which it changes state. It is never changed: another takes its place.
type held struct {
	token *Token
	since instant       // when it was asked for
	stale time.Duration // the age from which a call starts a renewal
	end   time.Duration // the age from which it is not served
}

// flight is an exchange under way, and its outcome once done is closed. Without one, whoever waited begins anew.
type flight struct {
	renewal bool
	began   instant
	done    chan struct{}
	token   *Token
	failure *Error
}

// NewTokenSource returns a source of tokens that c gets, once it is asked for one. It panics if c is nil.
func NewTokenSource(c *Client, opts ...SourceOption) *TokenSource {
	if c == nil {
		panic("wrapper: NewTokenSource(nil): pass the client that NewClient returned")
	}
	s := &TokenSource{client: c, cfg: sourceDefaults, now: now, running: make(chan struct{}, mostRunning)}
	WithRenewalWindow(0.80, 0.81)(&s.cfg)
	for _, opt := range opts {
		opt(&s.cfg)
	}
	if s.cfg.sharer != nil {
		s.sharer, s.client = s.cfg.sharer(), c.impatient()
	}
	return s
}

// Token returns a token that is valid for longer than the expiry margin, unless the service gives only shorter ones. It
// waits only while there is none: for the first, after [TokenSource.Invalidate], or when renewals failed until the last
// one expired. A caller whose context ends stops waiting; the exchange goes on for the others, within
// [WithExchangeTimeout] whatever a [BearerFunc] or a transport does. Callers share the token, so it must not be changed.
//
// Every error it returns is an [*Error]. Further callers get the same failure for a second, or for as long as the
// service asked to be left alone, 5 minutes at most. While tokens are refused or expire at once, exchanges keep a
// distance that grows to 30 seconds, and callers wait.
func (s *TokenSource) Token(ctx context.Context) (*Token, error) {
	h, now := s.current.Load(), s.now()
	switch {
	case h.fresh(now):
		return h.token, nil
	case h.valid(now):
		s.renew(ctx)
		return h.token, nil
	}
	return s.wait(ctx)
}

// Invalidate drops t, for a caller to whom it was refused, so that the next call gets another token. It does nothing
// if t is nil or has been replaced already.
func (s *TokenSource) Invalidate(t *Token) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.current.Load(), s.now()
	if h == nil || h.token.AccessToken != t.AccessToken {
		return
	}
	s.refused = t
	s.current.Store(nil)
	if !s.served(h, now) {
		s.keepDistance(now)
	}
}

// Format implements [fmt.Formatter] for every verb and flag: the token that is held, without its secret. fmt by itself
// would read fields while they change.
func (s *TokenSource) Format(f fmt.State, _ rune) {
	var token *Token
	if h := s.current.Load(); h != nil {
		token = h.token
	}
	_, _ = fmt.Fprintf(f, "TokenSource{%v}", token)
}

// fresh and valid report whether there is a token that is not yet stale, or not yet over. What is fresh is valid.
func (h *held) fresh(now instant) bool { return h != nil && now.since(h.since) < h.stale }
func (h *held) valid(now instant) bool { return h != nil && now.since(h.since) < h.end }

// staleIn returns h with its token stale after d, or at its end if that comes first.
func (h *held) staleIn(d time.Duration, now instant) *held {
	later, age := *h, now.since(h.since)
	later.stale = age + min(d, h.end-age)
	return &later
}

// renew starts a renewal in the background, unless somebody else is at it.
func (s *TokenSource) renew(ctx context.Context) {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	h, now := s.current.Load(), s.now()
	if s.flight == nil && h.valid(now) && !h.fresh(now) && now.since(s.rested) >= s.rest {
		s.start(ctx, true)
	}
}

// wait returns a token that came meanwhile, or the outcome of an exchange: the one under way, or a new one.
func (s *TokenSource) wait(ctx context.Context) (*Token, error) {
	waiting := "waiting for a token"
	for ctx.Err() == nil {
		s.mu.Lock()
		h, now := s.current.Load(), s.now()
		valid, passed := h.valid(now), now.since(s.rested)
		if s.flight == nil && !valid && passed >= s.rest {
			s.start(ctx, false)
		}
		f, failure, left := s.flight, s.failure, s.rest-passed
		s.mu.Unlock()
		switch {
		case valid:
			return h.token, nil
		case f != nil:
			select {
			case <-f.done:
			case <-ctx.Done():
				continue
			}
			switch {
			case f.token != nil:
				return f.token, nil
			case f.failure != nil:
				return nil, f.failure
			}
		case failure != nil && failure.RetryAfter > 0:
			later := *failure
			later.RetryAfter = max(0, later.RetryAfter-passed)
			return nil, &later
		case failure != nil:
			return nil, failure
		default:
			waiting = "waiting to ask for another token: the last ones were refused, or expired at once"
			_ = wait(ctx, left)
		}
	}
	return nil, &Error{Err: fmt.Errorf("%w while %s", ctx.Err(), waiting)}
}
