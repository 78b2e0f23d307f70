package sharedcache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Use returns an option for [wrapper.NewTokenSource] that has the source share its tokens with all sources, here and in
// other processes, that use the same store, endpoint, identity and secret. It may be given to several sources.
//
// identity says whose tokens these are, such as "tenant/application": sources with other bearers have another one.
// secret seals what is stored; it is random bytes, as of "openssl rand 32", kept as the bearer's own secret is, and is
// copied. Another secret is another place, so replacing it costs one exchange.
//
// It panics if store is nil, identity is blank or secret has fewer than 16 bytes.
func Use(store Store, identity string, secret []byte) wrapper.SourceOption {
	eval, isEval := store.(Eval)
	switch {
	case store == nil, isEval && eval == nil:
		panic("sharedcache: Use without a store: pass an Eval, or a Store of your own")
	case strings.TrimSpace(identity) == "":
		panic(`sharedcache: Use without an identity: pass whose tokens these are, such as "tenant/application"`)
	case len(secret) < 16:
		panic(`sharedcache: the secret of Use has fewer than 16 bytes: make one with "openssl rand 32"`)
	}
	keys, stuck := newKeys(secret), new(atomic.Int32)
	return wrapper.WithSharer(func() wrapper.Sharer {
		return &sharer{store: store, stuck: stuck, keys: keys, identity: identity}
	})
}

// sharer is the wrapper.Sharer of one source. It has no lock: what an operation or an exchange that never returns would
// hold, others could not have.
type sharer struct {
	store    Store
	stuck    *atomic.Int32 // operations that run on
	keys     keys
	identity string
	plan     atomic.Pointer[plan] // for the token that the source has
	down     atomic.Bool          // the last operation failed
}

// call is one call of Token.
type call struct {
	*sharer
	now           wrapper.Situation
	exchange      func(context.Context) (*wrapper.Token, error)
	tokens, lease string // the places
	mine          []byte // what this call put at the lease's place
	leased        bool   // it is there

	kept value          // what is at the tokens' place
	best *wrapper.Token // the best there is to serve; nil if there is none
	left time.Duration  // for how long
}

const (
	leaseLife = 10 * time.Second // for how long others leave an exchange to the one that took the lease
	patience  = 15 * time.Second // for how long a source without a token waits for others
	// Between two looks of those who wait:
	leastWait, mostWait = 25 * time.Millisecond, 250 * time.Millisecond
)

// Token implements [wrapper.Sharer].
func (s *sharer) Token(ctx context.Context, now wrapper.Situation, exchange func(context.Context) (*wrapper.Token, error)) (*wrapper.Token, time.Duration, error) {
	c := &call{sharer: s, now: now, exchange: exchange}
	c.tokens, c.lease = s.keys.place("token", now.Endpoint, s.identity), s.keys.place("lease", now.Endpoint, s.identity)
	began, wait, limit := time.Now(), leastWait, patience
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2) // the rest is for an exchange of its own
	}
	for {
		failure, err := c.look(ctx)
		switch waiting := errors.Is(err, errBusy) && c.best == nil; {
		case c.leased, waiting && time.Since(began) >= limit:
			return c.renew(ctx)
		case waiting:
		case err != nil:
			return c.alone(ctx)
		case failure != nil:
			return nil, failure.RetryAfter, failure
		default:
			p := *c.planOf(c.best, c.left+now.Margin)
			p.alone = 0 // the store is well
			c.plan.Store(&p)
			return c.best, lookAgain(c.left, p.renew), nil
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return nil, 0, &wrapper.Error{Err: ctx.Err()}
		}
		wait = min(2*wait, mostWait)
	}
}

// errBusy: another has the lease.
var errBusy = errors.New("another makes the exchange")

// look reads what there is, and takes the lease if a new token is due. It returns a failure that binds those who have no
// token, or an error of the store.
func (c *call) look(ctx context.Context) (*wrapper.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, longestOperation)
	defer cancel()
	for taken := false; ; taken = true { // once more after taking the lease, for another may have been faster
		if err := c.choose(ctx); err != nil {
			return nil, err
		}
		if c.best != nil && (c.best != c.now.Held || c.left > c.planOf(c.best, c.left+c.now.Margin).renew) {
			if taken {
				_, _, _ = c.swap(ctx, c.lease, c.mine, nil)
			}
			return nil, nil
		}
		at, err := c.read(ctx, c.lease)
		switch {
		case err != nil:
			return nil, err
		case at.raw != nil && bytes.Equal(at.raw, c.mine):
			c.leased = true
			return nil, nil
		case taken:
			return nil, errors.New("the store does not hold what was put there")
		case at.record == nil:
		case at.record.Failure == nil:
			return nil, errBusy
		case c.best != nil:
			return nil, nil // the service is left alone
		case at.age() < at.record.Binding:
			failure := *at.record.Failure
			failure.RetryAfter = max(0, failure.RetryAfter-at.age())
			return &failure, nil
		}
		won := false
		if c.mine, won, err = c.swap(ctx, c.lease, at.raw, newRecord(leaseLife)); err != nil {
			return nil, err
		}
		if !won {
			return nil, errBusy
		}
	}
}

// choose reads the shared token, and chooses between it and the one that the source has.
func (c *call) choose(ctx context.Context) (err error) {
	c.best, c.left = c.now.Held, c.now.Left
	if c.kept, err = c.read(ctx, c.tokens); err != nil || c.kept.record == nil {
		return err
	}
	switch r, left := c.kept.record, c.kept.left()-c.now.Margin; {
	case c.best != nil && bytes.Equal(r.Refused, digest(c.best.AccessToken)):
		c.best, c.left = nil, 0
	case c.now.Refused != nil && c.now.Refused.AccessToken == r.AccessToken:
		return c.bury(ctx)
	case r.AccessToken == "", c.best != nil && c.best.AccessToken == r.AccessToken:
	case left > max(c.left, time.Second):
		c.left, c.best = left, &wrapper.Token{AccessToken: r.AccessToken, TokenType: r.TokenType, ExpiresAt: c.kept.end.UTC(),
			RequestID: r.RequestID, CorrelationID: r.CorrelationID}
		c.planOf(c.best, r.Life)
	}
	return nil
}
