package sharedcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	longestOperation = 500 * time.Millisecond // bounds waiting for the store, also for operations that follow one another
	longPast         = 10 * time.Minute       // an end that lies back further is no clock's error: the record was put back
)

// value is what the store held when it was read.
type value struct {
	record
	raw []byte    // what a swap has to find; nil if there is nothing
	end time.Time // of the record: what the store says, but no more than it was put there for
}

func (v value) left() time.Duration { return time.Until(v.end) }
func (v value) age() time.Duration  { return v.TTL - v.left() }

// read returns what the store holds. What does not open, or is over, is as if it were not there.
func (c *call) read(ctx context.Context) (value, error) {
	v := value{end: time.Now()}
	var raw []byte
	var left time.Duration
	if err := c.operate(ctx, func() (err error) { raw, left, err = c.store.Get(ctx, c.key); return err }); err != nil || len(raw) == 0 {
		return v, err
	}
	v.raw = raw
	r, err := c.keys.open(c.key, raw)
	if err != nil {
		c.now.Logger.WarnContext(ctx, "the shared record does not open, and is ignored", slog.String("key", c.key))
	} else if left = min(left, r.TTL); left > time.Since(v.end) && time.Since(r.End) < longPast {
		v.record, v.end = r, v.end.Add(left)
	}
	return v, nil
}

// swap puts a record, or nothing if ttl is 0 or less, in the place of what was read, and reports whether it did.
func (c *call) swap(ctx context.Context, r record, ttl time.Duration) (swapped bool, err error) {
	r.TTL, r.End = ttl, time.Now().Add(ttl)
	var raw []byte
	if ttl > 0 {
		raw = c.keys.seal(c.key, r)
	}
	old, done := c.kept.raw, false
	if err := c.operate(ctx, func() (err error) { done, err = c.store.Swap(ctx, c.key, old, raw, ttl); return err }); err != nil {
		return false, err
	}
	if c.mine = raw; done {
		c.kept = value{r, raw, r.End}
	}
	return done, nil
}

// operate runs an operation of the store until ctx ends, whatever the client does. After an error it may run on, so
// that nothing it sets can be read; no other begins meanwhile.
func (c *call) operate(ctx context.Context, operation func() error) error {
	if !c.busy.CompareAndSwap(false, true) {
		return errors.New("an earlier operation still runs: the store's client ignores its context")
	}
	done := make(chan error, 1)
	go func() {
		err := errors.New("the store's client ended its goroutine")
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("panic in the store's client: %v", reason)
			}
			c.busy.Store(false)
			done <- err
		}()
		err = operation()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
