package main

import (
	"context"
	"time"
)

// await returns what f returns. Where f does not heed ctx, it returns soon after the end of ctx all the same: opening a
// FIFO, for one, ends when somebody writes to it, and not before.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done: // its error says more than the context's
		return r.value, r.err
	case <-time.After(200 * time.Millisecond):
		var none T
		return none, ctx.Err()
	}
}
