package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// The exit codes; exitCodes explains them to the user. A command that a signal ended has 128 and the signal's number.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnavailable = 4
	exitSignal      = 128
)

const exitCodes = `Exit codes:
  0  a token
  1  any other failure
  2  wrong usage
  3  the service refused (4xx other than 408 and 429)
  4  the service was not available after all retries (408, 429, 5xx, network, deadline), or Entra was not
  130  ended by Ctrl-C`

// usageError marks an error that the caller of the program can avoid by calling it otherwise.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// failure is an error with an exit code of its own.
type failure struct {
	error
	code int
}

func (f failure) Unwrap() error { return f.error }

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "received the signal " + i.signal.String() }

// exitCode returns the exit code for what a command returned; ctx is the program's.
func exitCode(ctx context.Context, err error) int {
	var (
		callErr  *wrapper.Error
		failed   failure
		misused  usageError
		signaled interruption
	)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && (!errors.As(err, &failed) || errors.Is(err, context.Canceled)):
		if errors.As(context.Cause(ctx), &signaled) {
			if number, ok := signaled.signal.(syscall.Signal); ok {
				return exitSignal + int(number)
			}
		}
		return exitSignal + int(syscall.SIGINT)
	case errors.As(err, &misused):
		return exitUsage
	case errors.As(err, &failed):
		return failed.code
	case errors.Is(err, wrapper.ErrInvalidBearer):
		return exitUsage
	case errors.Is(err, wrapper.ErrThrottled), errors.Is(err, wrapper.ErrServer), errors.Is(err, wrapper.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), temporary(err):
		return exitUnavailable
	case errors.As(err, &callErr) && callErr.StatusCode >= 400:
		return exitRefused
	}
	return exitOther
}

// temporary reports whether err says of itself that the same may succeed later.
func temporary(err error) bool {
	var says interface{ Retryable() bool }
	return errors.As(err, &says) && says.Retryable()
}
