package sharedcache

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	leastPause    = 30 * time.Second // for how long those who have a token leave a service in trouble alone
	leastRetry    = 10 * time.Second // after which a source that is alone tries again
	sharedFailure = time.Second      // for how long a failure binds others if the service named no time, as in a source
	mostBinding   = 5 * time.Minute  // bounds a Retry-After, as in a source
)

// plan is what a source does about a token, by how long the token has yet to serve.
type plan struct {
	accessToken string
	life        time.Duration // the token's, by which the plan was drawn
	renew       time.Duration // from here on, a new token is due
	alone       time.Duration // from here on, the source gets one without the store; 0 while the store is well
}

// planOf returns the plan for a token of the source, and draws it if the token or its life is new; 0 is a life that is
// not known. A token is renewed at 0.60 to 0.65 of its life, so that an engine's outage leaves room, or at 0.9 of the part
// that a wide margin leaves.
func (c *call) planOf(t *wrapper.Token, life time.Duration) plan {
	if p := c.plan.Load(); p != nil && p.accessToken == t.AccessToken && (life == 0 || life == p.life) {
		return *p
	}
	life = cmp.Or(life, c.now.Left+c.now.Margin)
	p := plan{accessToken: t.AccessToken, life: life, renew: max(between(0.35, 0.40, life)-c.now.Margin, (life-c.now.Margin)/10)}
	c.plan.Store(&p)
	return p
}

// lookAgain returns when to look at the store again: within a minute, for that is when a gravestone is noticed, but at a
// moment that comes before, and in time for yet another look if the token is nearly over.
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

// alone goes on without the store: at once if there is no token, and else at a moment in what is left of it when a new one
// is due. The tokens of a fleet end together, so each source draws its own moment: once an outage, or the earliest draw
// would count.
func (c *call) alone(ctx context.Context, why error) (*wrapper.Token, time.Duration, error) {
	held, left, p := c.now.Held, c.now.Left, plan{}
	if held != nil {
		p = c.planOf(held, 0)
	}
	if p.alone == 0 && !errors.Is(why, errBusy) {
		c.now.Logger.WarnContext(ctx, "the store of shared tokens fails", slog.String("error", wrapper.RedactError(why).Error()))
	}
	if held != nil && p.alone == 0 {
		p.alone = between(0.05, 1, min(left, p.renew))
		c.plan.Store(&p)
	}
	if left > p.alone {
		return held, lookAgain(left, p.alone), nil
	}
	token, _, again, err := c.get(ctx)
	return token, again, err
}

// renew makes an exchange for all, and puts what comes of it into the store.
func (c *call) renew(ctx context.Context) (token *wrapper.Token, again time.Duration, err error) {
	var made record
	defer func() { c.finish(context.WithoutCancel(ctx), made, err) }() // also where the exchange panics
	token, made, again, err = c.get(ctx)
	return token, again, err
}

// get makes an exchange. It returns the token, its record, and when to look at the store again.
func (c *call) get(ctx context.Context) (token *wrapper.Token, made record, again time.Duration, err error) {
	began := time.Now()
	if token, err = c.exchange(ctx); err != nil {
		again = lookAgain(c.now.Left, 0)
		if !c.leased { // the tokens of a fleet end together
			again = max(between(0.2, 0.8, c.now.Left), leastRetry)
		}
		return nil, made, again, err
	}
	c.plan.Store(nil) // also if it is the token of before
	made = record{Subject: digest(token), Token: (*secretToken)(token), Life: c.now.Unknown}
	if !token.ExpiresAt.IsZero() {
		made.Life = token.ExpiresAt.Sub(began)
	}
	made.End = began.Add(made.Life)
	return token, made, lookAgain(time.Until(made.End)-c.now.Margin, c.planOf(token, made.Life).renew), nil
}

// finish puts what an exchange brought into the store, in the time of one operation.
func (c *call) finish(ctx context.Context, made record, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestOperation)
	defer cancel()
	subject, buried := c.kept.Subject, c.kept.Subject != nil && c.kept.Token == nil
	next, ttl := made, time.Until(made.End)-longestOperation // the store counts from when it is told
	switch {
	case made.Token != nil && ttl > c.now.Margin && (!buried || !bytes.Equal(made.Subject, subject)) && !slices.Contains(*c.refused.Load(), made.Token.AccessToken):
		if buried {
			next.Quiet = distance
		}
	case !c.leased:
		return
	default: // the lease ends, and what was there stays
		next, ttl = c.kept.record, c.kept.left()-longestOperation
		if subject == nil {
			ttl = 0
		}
		if next.Quiet, next.Binding, next.Failure = c.failed(err); next.Quiet > ttl {
			if next.Token != nil { // without its token it would be a gravestone
				next.Subject, next.Token = nil, nil
			}
			ttl = next.Quiet
		}
	}
	for range 2 {
		if swapped, err := c.swap(ctx, next, ttl); swapped || err != nil || made.Token == nil {
			return
		}
		// Others took the lease when its time was over. Unless one of them was faster, they wait for this token.
		if c.kept, err = c.read(ctx); err != nil || !bytes.Equal(c.kept.Subject, subject) {
			return
		}
	}
}

// failed returns for how long others leave the service alone after a failed exchange, and for how long those who have no
// token share which failure: the service's own, for what is between it and this process, or its bearer, is not theirs.
func (c *call) failed(err error) (quiet, binding time.Duration, failure *wrapper.Error) {
	var e *wrapper.Error
	if !errors.As(err, &e) {
		return 0, 0, nil
	}
	if e.StatusCode != 0 && e.Retryable() {
		binding = max(min(e.RetryAfter, mostBinding), sharedFailure)
	}
	if c.now.Left > 0 {
		quiet = max(leastPause, c.now.Left/4) // longer while there is time
	}
	storable := *e
	storable.Err = nil // of any type
	return max(quiet, binding), binding, &storable
}
