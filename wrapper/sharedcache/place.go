package sharedcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	// longestOperation bounds for how long the store is waited for, also for operations that follow one another.
	longestOperation = 500 * time.Millisecond
	// mostStuck is how many operations may run on after their end, for a client that ignores its context.
	mostStuck = 32
	// longPast is how far the end of a record may lie back by its maker's clock. Beyond, somebody put it back.
	longPast = 10 * time.Minute
)

// value is what a place held when it was read.
type value struct {
	raw    []byte    // what a swap has to find; nil if there is nothing
	record *record   // nil if there is none that counts
	end    time.Time // of the record: what the store says, and no more than its life
}

func (v value) left() time.Duration { return time.Until(v.end) }
func (v value) age() time.Duration  { return v.record.Life - v.left() }

// read returns what a place holds. What does not open, or is over, is as if it were not there.
func (c *call) read(ctx context.Context, place string) (value, error) {
	var v value
	var left time.Duration
	asked := time.Now()
	if err := c.operate(ctx, func() (err error) { v.raw, left, err = c.store.Get(ctx, place); return err }); err != nil {
		return value{}, err
	}
	if len(v.raw) == 0 {
		return value{}, nil
	}
	r, err := c.keys.open(place, v.raw)
	if err != nil {
		c.now.Logger.WarnContext(ctx, "a shared record does not open, and is ignored", slog.String("key", place))
	} else if v.end = asked.Add(min(left, r.Life)); v.left() > 0 && time.Since(r.End) < longPast {
		v.record = r
	}
	return v, nil
}

// swap puts a record, or nothing for nil, in the place of what was read there. It returns the record as it is kept.
func (c *call) swap(ctx context.Context, place string, old []byte, r *record) (raw []byte, swapped bool, err error) {
	var ttl time.Duration
	if r != nil {
		raw, ttl = c.keys.seal(place, r), time.Until(r.End)
	}
	won := false
	err = c.operate(ctx, func() (err error) { won, err = c.store.Swap(ctx, place, old, raw, ttl); return err })
	return raw, err == nil && won, err
}

// operate runs an operation on the store until ctx ends, whatever the client does, and logs when the store begins to
// fail and when it is back. What the operation sets must not be read if there is an error: it may run on.
func (c *call) operate(ctx context.Context, operation func() error) (err error) {
	defer func() {
		switch was := c.down.Swap(err != nil); {
		case err != nil && !was:
			c.now.Logger.WarnContext(ctx, "the store of shared tokens fails", slog.String("error", wrapper.RedactError(err).Error()))
		case err == nil && was:
			c.now.Logger.InfoContext(ctx, "the store of shared tokens is back")
		}
	}()
	if c.stuck.Load() >= mostStuck {
		return errors.New("the store's client ignores its context, and earlier operations still run")
	}
	done := make(chan error, 1)
	go func() {
		err := errors.New("the store's client ended its goroutine")
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("panic in the store's client: %v", reason)
			}
			done <- err
		}()
		err = operation()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		c.stuck.Add(1)
		go func() { <-done; c.stuck.Add(-1) }()
		return ctx.Err()
	}
}
