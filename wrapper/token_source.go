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
	client *Client
	sharer Sharer // nil: each exchange is the source's own
	cfg    sourceConfig
	now    func() instant

	current atomic.Pointer[held] // what Token reads; written under mu

	mu        sync.Mutex
	flight    *flight // the exchange under way
	failure   *flight // the last one that failed
	abandoned int     // exchanges that still run after their limit
	given     *Token  // the last one that callers got
	refused   *Token  // the last one that was refused
	useless   int     // how many tokens in a row were of no use
	last      instant // when the last of them was
	distance  time.Duration
}

// held is a token with the ages at which it changes state. It is never changed: another takes its place.
type held struct {
	token *Token
	since instant       // when it was asked for
	stale time.Duration // the age from which a call starts a renewal
	end   time.Duration // the age from which it is not served
}

// flight is an exchange under way, and its outcome once done is closed.
type flight struct {
	renewal bool
	began   instant
	done    chan struct{}
	token   *Token
	failure *Error
	ended   instant
	share   time.Duration // for how long the failure answers further callers
}

// NewTokenSource returns a source of tokens that c gets, once it is asked for one. It panics if c is nil.
func NewTokenSource(c *Client, opts ...SourceOption) *TokenSource {
	if c == nil {
		panic("wrapper: NewTokenSource(nil): pass the client that NewClient returned")
	}
	s := &TokenSource{client: c, cfg: sourceDefaults, now: now}
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
	h := s.current.Load()
	holds := h != nil && h.token.AccessToken == t.AccessToken
	if !holds && (s.given == nil || s.given.AccessToken != t.AccessToken) {
		return
	}
	s.refused = t
	if holds {
		s.current.Store(nil)
		if now := s.now(); !s.served(h, now) {
			s.keepDistance(now)
		}
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
	if s.flight == nil && h.valid(now) && !h.fresh(now) && now.since(s.last) >= s.distance {
		s.start(ctx, true)
	}
}

// wait returns the outcome of an exchange: the one under way, or a new one.
func (s *TokenSource) wait(ctx context.Context) (*Token, error) {
	waiting := "waiting for a token"
	for ctx.Err() == nil {
		token, f, distance := s.join(ctx)
		if token != nil {
			return token, nil
		}
		if f == nil {
			waiting = "waiting to ask for another token: the last ones were refused, or expired at once"
			_ = wait(ctx, distance)
			continue
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			continue
		}
		switch {
		case f.token != nil:
			return f.token, nil
		case f.share > 0:
			return nil, f.failed(s.now())
		}
		// The token was a refused one; or a renewal failed, whose one attempt is not enough with nothing left to serve.
	}
	return nil, &Error{Err: fmt.Errorf("%w while %s", ctx.Err(), waiting)}
}

// join returns what a caller without a token gets: one that came meanwhile, an exchange to wait for, or how long to wait
// before the next.
func (s *TokenSource) join(ctx context.Context) (*Token, *flight, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.current.Load(), s.now()
	switch {
	case h.valid(now):
		return h.token, nil, 0
	case s.flight != nil:
		return nil, s.flight, 0
	case s.failure != nil && now.since(s.failure.ended) < s.failure.share:
		return nil, s.failure, 0
	case now.since(s.last) < s.distance:
		return nil, nil, s.distance - now.since(s.last)
	}
	s.start(ctx, false)
	return nil, s.flight, 0
}
