package sharedcache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Use returns an option for [wrapper.NewTokenSource] that has the source share its tokens with all sources, here and in
// other processes, that use the same store, endpoint, identity and secret. It may be given to several sources.
//
// identity says whose tokens these are, such as "tenant/application": sources with other bearers have another one.
// secret is random bytes, as of "openssl rand 32", kept as the bearer's own secret is. It is copied. Another secret is
// another place in the store, so replacing it costs one exchange.
//
// It panics if store is nil, identity is blank or secret has fewer than 16 bytes.
func Use(store Store, identity string, secret []byte) wrapper.SourceOption {
	switch {
	case store == nil:
		panic("sharedcache: Use without a store: pass an Eval, or a Store of your own")
	case strings.TrimSpace(identity) == "":
		panic(`sharedcache: Use without an identity: pass whose tokens these are, such as "tenant/application"`)
	case len(secret) < 16:
		panic(`sharedcache: the secret of Use has fewer than 16 bytes: make one with "openssl rand 32"`)
	}
	keys := newKeys(secret)
	return wrapper.WithSharer(func() wrapper.Sharer {
		s := &sharer{store: store, keys: keys, identity: identity}
		s.refused.Store(new([]string))
		return s
	})
}

const (
	leaseLife           = 12 * time.Second // for how long others leave an exchange to the one that took the lease
	patience            = 15 * time.Second // for how long a source without a token waits for others
	distance            = 2 * time.Second  // between exchanges whose tokens are refused
	mostRefused         = 16
	leastWait, mostWait = 25 * time.Millisecond, 225 * time.Millisecond
)

// sharer is the wrapper.Sharer of one source. It has no lock, for an operation that never returns would hold it.
type sharer struct {
	store    Store
	keys     keys
	identity string
	busy     atomic.Bool // an operation runs
	plan     atomic.Pointer[plan]
	refused  atomic.Pointer[[]string] // the last tokens that were refused here, for somebody may put one back
}

// call is one call of Token.
type call struct {
	*sharer
	now      wrapper.Situation
	exchange func(context.Context) (*wrapper.Token, error)
	key      string
	kept     value          // what the store holds
	mine     []byte         // what this call put there last
	leased   bool           // that is a lease, and it is there
	best     *wrapper.Token // the best token there is to serve, if any
	left     time.Duration  // for how long
}

// Token implements [wrapper.Sharer].
func (s *sharer) Token(ctx context.Context, now wrapper.Situation, exchange func(context.Context) (*wrapper.Token, error)) (*wrapper.Token, time.Duration, error) {
	c := &call{sharer: s, now: now, exchange: exchange, key: s.keys.name(now.Endpoint, s.identity)}
	if known := *s.refused.Load(); now.Refused != nil && !slices.Contains(known, now.Refused.AccessToken) {
		known = append(slices.Clone(known[max(0, len(known)+1-mostRefused):]), now.Refused.AccessToken)
		s.refused.Store(&known)
	}
	began, limit := time.Now(), patience
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2) // the rest is for an exchange of its own
	}
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		failure, err := c.look(ctx)
		switch waits := errors.Is(err, errBusy) && c.best == nil; {
		case failure != nil:
			return nil, lookAgain(now.Left, 0), failure
		case err == nil && !c.leased:
			p := c.planOf(c.best, 0)
			p.alone = 0
			c.plan.Store(&p)
			return c.best, lookAgain(c.left, p.renew), nil
		case err == nil, waits && time.Since(began) >= limit:
			return c.renew(ctx)
		case !waits:
			return c.alone(ctx, err)
		}
		select {
		case <-time.After(leastWait + rand.N(wait)):
		case <-ctx.Done():
			return nil, 0, &wrapper.Error{Err: ctx.Err()}
		}
	}
}

var errBusy = errors.New("another source has the lease")

// look reads what there is, and takes the lease if a new token is due. It returns a failure that those who have no token
// share, or why the store is of no use.
func (c *call) look(ctx context.Context) (*wrapper.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, longestOperation)
	defer cancel()
	for taken := false; ; taken = true { // the lease; it counts only if it is read, too
		if err := c.choose(ctx); err != nil {
			return nil, err
		}
		quiet := c.kept.age() < c.kept.Quiet
		switch {
		case c.best != nil && (c.best != c.now.Held || c.left > c.planOf(c.best, 0).renew):
			return nil, nil
		case quiet && bytes.Equal(c.kept.raw, c.mine):
			c.leased = true
			return nil, nil
		case taken:
			return nil, errors.New("the store does not hold what was put there")
		case quiet && c.kept.Failure == nil:
			return nil, errBusy
		case quiet && c.best != nil:
			return nil, nil // the service is left alone
		case quiet && c.kept.age() < c.kept.Binding:
			failure := *c.kept.Failure
			failure.RetryAfter = max(0, failure.RetryAfter-c.kept.age())
			return &failure, nil
		}
		next, ttl := record{Quiet: leaseLife}, leaseLife
		if left := c.kept.left() - longestOperation; left > leaseLife {
			ttl, next.Subject, next.Token, next.Life = left, c.kept.Subject, c.kept.Token, c.kept.Life
		}
		if swapped, err := c.swap(ctx, next, ttl); err != nil {
			return nil, err
		} else if !swapped {
			return nil, errBusy
		}
	}
}

// choose reads the shared token, and chooses between it and the one that the source has. In the place of one that was
// refused it puts a gravestone, which no slow source overwrites.
func (c *call) choose(ctx context.Context) (err error) {
	c.best, c.left = c.now.Held, c.now.Left
	if c.kept, err = c.read(ctx); err != nil {
		return err
	}
	token, left := (*wrapper.Token)(c.kept.Token), c.kept.left()
	switch {
	case token == nil:
		if c.best != nil && bytes.Equal(c.kept.Subject, digest(c.best)) {
			c.best, c.left = nil, 0
		}
	case slices.Contains(*c.refused.Load(), token.AccessToken):
		grave := record{Subject: c.kept.Subject, Quiet: min(c.kept.Quiet-c.kept.age(), distance)}
		_, err = c.swap(ctx, grave, max(left, time.Minute)) // for as long as others may serve the token
		c.mine = nil                                        // it is no lease
	case left-c.now.Margin > c.left+time.Second: // it may be the same token, which has got more time
		token.ExpiresAt = c.kept.end.UTC()
		c.best, c.left = token, left-c.now.Margin
		c.planOf(token, c.kept.Life)
	case c.best != nil && c.best.AccessToken == token.AccessToken:
		c.planOf(token, c.kept.Life) // or it has got a shorter life
	}
	return err
}
