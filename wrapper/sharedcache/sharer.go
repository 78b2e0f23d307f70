// Package sharedcache lets many replicas have one token, in Valkey, Redis or any store with compare-and-swap:
//
//	source := wrapper.NewTokenSource(client, sharedcache.Use(store, "tenant/application", secret))
//
// A fleet of any size makes the exchanges of one process, and a replica that starts has its token at once. A store that
// is down, slow or hangs costs a first token half a second and no call an error: each source goes on by itself. Fifty
// replicas had better share nothing. The README says when it pays, what it trusts, and how to use it.
package sharedcache

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"log/slog"
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
// secret is random bytes, as of "openssl rand 32", kept as the bearer's own secret is, and copied. Another secret is
// another place in the store. It panics if store is nil, identity is blank or secret has fewer than 16 bytes.
func Use(store Store, identity string, secret []byte) wrapper.SourceOption {
	eval, is := store.(Eval)
	switch {
	case store == nil, is && eval == nil:
		panic("sharedcache: Use without a store: pass an Eval, or a Store of your own")
	case strings.TrimSpace(identity) == "":
		panic(`sharedcache: Use without an identity: pass whose tokens these are, such as "tenant/application"`)
	case len(secret) < 16:
		panic(`sharedcache: the secret of Use has fewer than 16 bytes: make one with "openssl rand 32"`)
	}
	secret = bytes.Clone(secret)
	return wrapper.WithSharer(func() wrapper.Sharer {
		s := &sharer{store: store, secret: secret, identity: identity, draw: rand.Float64()}
		s.memory.Store(new(memory))
		return s
	})
}

const (
	leaseLife  = 12 * time.Second       // for how long others leave an exchange to the one that took the lease
	patience   = 15 * time.Second       // for how long a source without a token waits for others
	distance   = 2 * time.Second        // between exchanges whose tokens are refused
	storeLimit = 500 * time.Millisecond // of an operation, and of those that follow one another
)

// sharer is the wrapper.Sharer of one source. It has no lock, for an operation that never returns would hold it.
type sharer struct {
	store    Store
	identity string
	secret   []byte
	draw     float64     // where in a range this source renews a token
	busy     atomic.Bool // an operation runs
	memory   atomic.Pointer[memory]
}

// memory is what a source knows from its earlier calls.
type memory struct {
	life    time.Duration // of the token that it has, from its exchange to its end
	alone   time.Duration // what is left of it when the source gets one by itself; 0 while the store is well
	refused []string      // the last tokens that were refused, for somebody may put one back
}

func (m *memory) refuse(accessToken string) {
	if !slices.Contains(m.refused, accessToken) {
		m.refused = append(slices.Clone(m.refused[max(0, len(m.refused)-15):]), accessToken)
	}
}

// call is one call of Token.
type call struct {
	*sharer
	*memory
	key      string      // of the record in the store
	aead     cipher.AEAD // which seals it
	id       uint64      // of the call, by which it knows its lease
	leased   bool        // whether its lease may be there
	now      wrapper.Situation
	exchange func(context.Context) (*wrapper.Token, error)
	kept     record         // what the store holds
	best     *wrapper.Token // the best token there is to serve, if any
	left     time.Duration  // for how long
}

// Token implements [wrapper.Sharer].
func (s *sharer) Token(ctx context.Context, now wrapper.Situation,
	exchange func(context.Context) (*wrapper.Token, error)) (*wrapper.Token, time.Duration, error) {
	known := new(*s.memory.Load())
	s.memory.Store(known) // so that no earlier call, which was given up, changes it any more
	c := &call{sharer: s, memory: new(*known), now: now, exchange: exchange, best: now.Held, left: now.Left}
	c.key, c.aead = place(s.secret, now.Endpoint, s.identity)
	c.id = rand.Uint64()
	defer func() { s.memory.CompareAndSwap(known, c.memory) }()
	if now.Refused != nil {
		c.refuse(now.Refused.AccessToken)
	}
	deadline, _ := ctx.Deadline()
	limit := time.Now().Add(min(patience, time.Until(deadline)/2)) // the rest is for an exchange of its own
	for {
		failure, err := c.look(ctx)
		busy := errors.Is(err, errBusy)
		switch {
		case failure != nil:
			return nil, lookAgain(now.Left, now.Left), failure
		case err == nil && c.kept.Lease != c.id:
			c.alone = 0
			return c.best, lookAgain(c.left, c.due()), nil
		case err != nil && c.holdsOut(ctx, err):
			return c.best, lookAgain(c.left, c.alone), nil
		case !busy, c.best != nil, time.Until(limit) <= 0:
			return c.renew(ctx, err == nil || busy || c.leased)
		}
		time.Sleep(between(25, 250, time.Millisecond))
	}
}

var errBusy = errors.New("another source has the lease")

// look reads what there is, and takes the lease if a new token is due. It returns a failure that those who have no
// token share, or why the store is of no use. Whether a swap happened is known by what is read after it.
func (c *call) look(ctx context.Context) (*wrapper.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	for range 3 { // the first may put a gravestone, the second a lease
		began := time.Now()
		if err := c.read(ctx); err != nil {
			return nil, err
		}
		c.choose()
		next, quiet := c.kept, c.kept.Quiet > 0
		switch there := c.kept.Token.AccessToken; {
		case there != c.kept.Refused && slices.Contains(c.refused, there):
			next.Refused = there
		case c.best != nil && (c.best != c.now.Held || c.left > c.due()), c.kept.Lease == c.id:
			return nil, nil
		case quiet && c.kept.Failure == nil:
			return nil, errBusy
		case quiet && c.best != nil:
			return nil, nil // the service is left alone
		case quiet && c.kept.age < binding(c.kept.Failure):
			c.kept.Failure.RetryAfter = max(0, c.kept.Failure.RetryAfter-c.kept.age)
			return c.kept.Failure, nil
		case time.Since(began) > storeLimit/3:
			return nil, errors.New("the store is too slow to take a lease and to end it in time")
		default:
			next.Lease, next.Quiet, next.Failure, c.leased = c.id, leaseLife, nil, true
		}
		if err := c.swap(ctx, next); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the store does not hold what was put there")
}

// choose chooses between the shared token and the one that the source has.
func (c *call) choose() {
	if c.best != nil && slices.Contains(c.refused, c.best.AccessToken) {
		c.best, c.left = nil, 0
	}
	token, left := wrapper.Token(c.kept.Token), c.kept.Left-c.now.Margin
	if left > c.left+time.Second && !slices.Contains(c.refused, token.AccessToken) { // also the same, with more time
		token.ExpiresAt = time.Now().Add(c.kept.Left).UTC()
		c.best, c.left = &token, left
	}
	if c.best != nil && c.best.AccessToken == token.AccessToken {
		c.life = c.kept.Life // which is another if the service gave the token once more
	}
}

// due returns how much is left of a token when a new one is due: 0.35 to 0.40 of its life, so that an engine's outage
// leaves room, or a tenth of the part that a wide margin leaves.
func (c *call) due() time.Duration {
	return max(time.Duration((0.35+0.05*c.draw)*float64(c.life))-c.now.Margin, (c.life-c.now.Margin)/10)
}

// holdsOut reports whether the source serves what it has while the store is of no use. The tokens of a fleet end
// together, so each source draws a moment in what is left: once an outage, or the earliest draw would count.
func (c *call) holdsOut(ctx context.Context, why error) bool {
	if c.alone == 0 && !errors.Is(why, errBusy) {
		c.now.Logger.WarnContext(ctx, "the store of shared tokens fails", slog.Any("error", wrapper.RedactError(why)))
	}
	if c.best != nil && c.alone == 0 {
		c.alone = between(0.05, 1, min(c.left, c.due()))
	}
	return c.left > c.alone
}

// renew makes an exchange, and shares what comes of it if the store is of use.
func (c *call) renew(ctx context.Context, share bool) (token *wrapper.Token, again time.Duration, err error) {
	var made record
	if share {
		defer func() { // also where the exchange panics
			if err != nil || token == nil {
				ctx = context.WithoutCancel(ctx) // the lease has to end; a token is not to be late for it
			}
			c.finish(ctx, made, err)
		}()
	}
	began := time.Now()
	if token, err = c.exchange(ctx); err != nil {
		again = lookAgain(c.now.Left, c.now.Left)
		if c.kept.Lease != c.id { // the tokens of a fleet end together
			again = max(between(0.2, 0.8, c.now.Left), 10*time.Second)
		}
		return nil, again, err
	}
	made = record{Token: secretToken(*token), Life: c.now.Unknown, Left: c.now.Unknown - time.Since(began)}
	if !token.ExpiresAt.IsZero() {
		made.Life = token.ExpiresAt.Sub(began)
		made.Left = min(made.Life-time.Since(began), time.Until(token.ExpiresAt)) // the clock may have been set
	}
	c.life, c.alone = made.Life, 0
	return token, lookAgain(made.Left-c.now.Margin, c.due()), nil
}

// lookAgain returns when to look at the store again: within a minute, for that is when a gravestone is noticed, but at
// a moment that comes before, and in time for yet another look if the token is nearly over.
func lookAgain(left, moment time.Duration) time.Duration {
	next := left / 2
	if left > moment {
		next = left - moment
	}
	return max(min(next, between(40, 55, time.Second)), time.Second)
}

// between draws from two multiples of a unit.
func between(from, to float64, unit time.Duration) time.Duration {
	return time.Duration((from + (to-from)*rand.Float64()) * float64(unit))
}
