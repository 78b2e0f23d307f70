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
	running atomic.Int32 // exchanges that run, abandoned ones included

	current atomic.Pointer[held] // what Token reads; never nil, written under mu

	mu       sync.Mutex
	flight   *flight       // the last exchange
	next     instant       // when another may begin
	refused  *Token        // the last one that was refused
	distance time.Duration // the most that exchanges kept last, because tokens were of no use
}

// held is a token with the instants at which it changes state. It is never changed: another takes its place. The zero
// value is no token, of long ago.
type held struct {
	token *Token
	since instant // when it was asked for
	stale instant // from when a call starts a renewal; not after end
	end   instant // from when it is not served
}

func (h *held) fresh(now instant) bool { return now.until(h.stale) > 0 }
func (h *held) valid(now instant) bool { return now.until(h.end) > 0 }

// served reports, by age and lifetime, whether a token was valid for so long that useless ones before it do not count any
// more.
func (h *held) served(now instant) bool {
	return min(-now.until(h.since), h.since.until(h.end)) >= mostDistance
}

// flight is an exchange, and its outcome once done is closed. Whoever waited for one without token and failure begins
// anew. The zero value is no exchange and never done: callers wait until the next one may begin.
type flight struct {
	renewal bool // a token was valid when it began
	refused bool // the token was refused while it was under way
	began   instant
	done    chan struct{}
	landed  instant
	token   *Token
	failure *Error
}

func (f *flight) underWay() bool { return f.done != nil && f.landed == instant{} }

// NewTokenSource returns a source of tokens that c gets, once it is asked for one. It panics if c is nil.
func NewTokenSource(c *Client, opts ...SourceOption) *TokenSource {
	if c == nil {
		panic("wrapper: NewTokenSource(nil): pass the client that NewClient returned")
	}
	s := &TokenSource{client: c, cfg: sourceDefaults, now: now, flight: new(flight)}
	WithRenewalWindow(0.80, 0.81)(&s.cfg)
	for _, opt := range opts {
		opt(&s.cfg)
	}
	if s.cfg.sharer != nil {
		s.sharer, s.client = s.cfg.sharer(), c.impatient()
	}
	s.current.Store(new(held))
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
	case !h.valid(now):
		return s.wait(ctx)
	case s.mu.TryLock(): // or leave it to whoever has the lock, or to the next call
		defer s.mu.Unlock()
		s.begin(ctx)
	}
	return h.token, nil
}

// Invalidate drops t, for a caller to whom it was refused, so that the next call gets another token. It does nothing
// if t is nil or has been replaced already.
func (s *TokenSource) Invalidate(t *Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.current.Load(), s.now()
	if t == nil || h.token == nil || h.token.AccessToken != t.AccessToken {
		return
	}
	s.refused = t
	s.current.Store(new(held))
	switch {
	case h.served(now):
		s.distance = 0
	case s.flight.underWay():
		s.flight.refused = true
	case now.until(s.next) <= 0:
		s.keepDistance(now)
	}
}

// Format implements [fmt.Formatter] for every verb and flag: the token that is held, without its secret. fmt by itself
// would read fields while they change.
func (s *TokenSource) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "TokenSource{%v}", s.current.Load().token)
}

// wait returns a token that came meanwhile, or the outcome of an exchange: the one under way, or a new one.
func (s *TokenSource) wait(ctx context.Context) (*Token, error) {
	waiting := "waiting for a token"
	for ctx.Err() == nil {
		s.mu.Lock()
		h, now := s.begin(ctx)
		f, left := s.flight, now.until(s.next)
		s.mu.Unlock()
		if h.valid(now) {
			return h.token, nil
		}
		var next <-chan time.Time
		if waiting = "waiting for a token"; f.done == nil {
			waiting = "waiting to ask for another token: the last ones were refused, or expired at once"
			next = time.After(left)
		}
		select {
		case <-f.done:
			if f.token != nil {
				return f.token, nil
			}
			if e := f.failure; e != nil {
				if e.RetryAfter > 0 {
					e = new(*e)
					e.RetryAfter = max(0, e.RetryAfter+min(0, now.until(f.landed))) // less what has passed since
				}
				return nil, e
			}
		case <-next:
		case <-ctx.Done():
		}
	}
	return nil, &Error{Err: fmt.Errorf("%w while %s", ctx.Err(), waiting)}
}
