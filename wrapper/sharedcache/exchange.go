package sharedcache

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	leastPause    = 30 * time.Second // for how long those who have a token leave a service in trouble alone
	leastRetry    = 10 * time.Second // after which a source that is alone tries again
	sharedFailure = time.Second      // for how long a failure binds others if the service named no time, as in a source
	mostBinding   = 5 * time.Minute  // bounds a Retry-After, as in a source

	youth         = 30 * time.Second       // tokens refused sooner keep exchanges at a distance, as in a source
	leastDistance = 100 * time.Millisecond // which doubles, up to the life of a lease
)

// renew makes an exchange for all, and puts what comes of it into the store.
func (c *call) renew(ctx context.Context) (*wrapper.Token, time.Duration, error) {
	var share, next *record                                              // what takes the places of the shared token, if anything, and of the lease
	defer func() { c.finish(context.WithoutCancel(ctx), share, next) }() // also where the exchange panics
	token, made, again, err := c.get(ctx)
	if err != nil {
		next = c.failed(err)
		return nil, again, err
	}
	refused := c.now.Refused != nil && c.now.Refused.AccessToken == token.AccessToken
	if grave := c.kept.record; grave != nil && grave.Refused != nil {
		refused = refused || bytes.Equal(grave.Refused, digest(token.AccessToken))
		if made.Young = grave.Young; made.Young > 0 {
			next = newRecord(min(leastDistance<<min(made.Young, 10), leaseLife)) // nobody's lease
		}
	}
	if !refused && time.Until(made.End) > c.now.Margin {
		share = made
	}
	return token, again, nil
}

// alone goes on without the store: at the planned moment if there is still a token, and at once if there is none.
func (c *call) alone(ctx context.Context) (*wrapper.Token, time.Duration, error) {
	if held, left := c.now.Held, c.now.Left; held != nil {
		if moment := c.aloneAt(c.planOf(held, left+c.now.Margin)); left > moment {
			return held, lookAgain(left, moment), nil
		}
	}
	token, _, again, err := c.get(ctx)
	return token, again, err
}

// get makes an exchange. It returns the token, its record, and when the source looks at the store again.
func (c *call) get(ctx context.Context) (*wrapper.Token, *record, time.Duration, error) {
	began := time.Now()
	token, err := c.exchange(ctx)
	if err != nil {
		again := lookAgain(c.now.Left, 0)
		if !c.leased { // tokens of a fleet end together, so tries are spread over what is left
			again = max(between(0.2, 0.8, c.now.Left), leastRetry, refusal(err).RetryAfter)
		}
		return nil, nil, again, err
	}
	life := c.now.Unknown
	if !token.ExpiresAt.IsZero() {
		life = token.ExpiresAt.Sub(began)
	}
	made := &record{
		Life: life, End: began.Add(life),
		AccessToken: token.AccessToken, TokenType: token.TokenType, RequestID: token.RequestID, CorrelationID: token.CorrelationID,
	}
	return token, made, lookAgain(time.Until(made.End)-c.now.Margin, c.planOf(token, life).renew), nil
}

// failed returns what others learn of a failed exchange, if anything. It binds those without a token only if the service
// is in trouble: what is between it and this process, or its bearer, is this process's own.
func (c *call) failed(err error) *record {
	failure := refusal(err)
	transient := failure.Retryable()
	failure.Err = nil // of any type, so nothing to put into a store
	var binding, pause time.Duration
	if failure.StatusCode != 0 && transient {
		binding = min(failure.RetryAfter, mostBinding)
		if c.now.Left <= 0 {
			binding = max(binding, sharedFailure)
		}
	}
	if c.now.Left > 0 {
		pause = leastPause
		if transient {
			pause = max(pause, c.now.Left/4) // another process's bearer would not help
		}
	}
	if pause = max(pause, binding); pause == 0 {
		return nil
	}
	r := newRecord(pause)
	r.Failure, r.Binding = &failure, binding
	return r
}

// refusal returns a copy of the wrapper.Error that an exchange failed with.
func refusal(err error) wrapper.Error {
	e := new(wrapper.Error)
	errors.As(err, &e)
	return *e
}

// bury puts a gravestone in the place of a token that was refused.
func (c *call) bury(ctx context.Context) error {
	grave := newRecord(max(c.kept.left(), time.Minute)) // for as long as somebody may serve the token
	grave.Refused = digest(c.kept.record.AccessToken)
	if c.kept.age() < youth {
		grave.Young = c.kept.record.Young + 1
	}
	raw, swapped, err := c.swap(ctx, c.tokens, c.kept.raw, grave)
	if swapped {
		c.kept.raw, c.kept.record = raw, grave
	}
	return err
}

// finish puts what an exchange brought into the store, in the time of one operation.
func (c *call) finish(ctx context.Context, share, next *record) {
	ctx, cancel := context.WithTimeout(ctx, longestOperation)
	defer cancel()
	if share != nil {
		share.End = share.End.Add(-longestOperation) // the store counts from when it is told
		if _, _, err := c.swap(ctx, c.tokens, c.kept.raw, share); err != nil {
			return
		}
	}
	if c.leased {
		_, _, _ = c.swap(ctx, c.lease, c.mine, next)
	}
}
