package oauth2auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// flight makes one call at a time, whatever the number of callers. x/sync's singleflight would end the process if a call
// panics, and never return if one ends its goroutine.
type flight struct {
	mu    sync.Mutex
	under *call // the one under way, or nil
}

// call is a call, and its outcome once done is closed.
type call struct {
	done  chan struct{}
	token string
	err   error
}

// join returns the outcome of the call under way, or of a new one. It returns when ctx ends, and the call goes on.
func (f *flight) join(ctx context.Context, fn func() (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f.mu.Lock()
	c := f.under
	if c == nil {
		c = &call{done: make(chan struct{}), err: errors.New("oauth2auth: the call ended its goroutine")}
		f.under = c
		go f.run(c, fn)
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.token, c.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w while waiting for Entra", ctx.Err())
	}
}

func (f *flight) run(c *call, fn func() (string, error)) {
	defer func() {
		if p := recover(); p != nil {
			c.err = wrapper.RedactError(fmt.Errorf("oauth2auth: panic in %s: %v", panicked(), p))
		}
		f.mu.Lock()
		f.under = nil
		f.mu.Unlock()
		close(c.done)
	}()
	c.token, c.err = fn()
}

// panicked names the function that panicked. It is for a deferred function.
func panicked() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s, line %d", frame.Function, frame.Line)
		}
	}
}
