package wrapper

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Retry says how failed attempts of a call are tried again. A zero field stands for its default, so the zero value is
// the default policy, which follows the Azure SDK design guidelines. Negative durations are refused by [NewClient].
//
// Tried again are answers with one of StatusCodes, and attempts that no whole answer came for: connection refused,
// reset or cut, or no answer in time. Never tried again are other answers, a TLS handshake that the two sides cannot
// agree on, and a call whose context has ended. A Retry-After in the answer replaces the next delay; where it is
// longer than MaxDelay, or any delay would outlast the context's deadline, the error comes back at once instead.
type Retry struct {
	// MaxRetries is how many attempts may follow the first: 3 by default, none if negative.
	MaxRetries int
	// Delay is the most that is waited before the second attempt, 0.8 s by default. The bound doubles with each
	// further one, and the wait is a random part of it (full jitter), so that clients which failed together do not
	// come back together.
	Delay time.Duration
	// MaxDelay is the most that is waited before any attempt, 60 s by default.
	MaxDelay time.Duration
	// AttemptTimeout is the most that one attempt may take, from connecting to the last byte of the answer: 30 s by
	// default.
	AttemptTimeout time.Duration
	// StatusCodes are the statuses, from 400 to 599, that are tried again; nil means 408, 429, 500, 502, 503 and 504.
	// The endpoint documents 500 as one that callers can retry ("Authentication - Generate access token"), the rest of
	// Partner Center's API has the others ("Partner Center REST error codes", "API throttling guidance").
	StatusCodes []int
}

var defaultRetry = Retry{
	MaxRetries:     3,
	Delay:          800 * time.Millisecond,
	MaxDelay:       60 * time.Second,
	AttemptTimeout: 30 * time.Second,
	StatusCodes: []int{
		http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	},
}

func (r Retry) withDefaults() (Retry, error) {
	for _, d := range []struct {
		field string
		value *time.Duration
		byDef time.Duration
	}{
		{"Delay", &r.Delay, defaultRetry.Delay},
		{"MaxDelay", &r.MaxDelay, defaultRetry.MaxDelay},
		{"AttemptTimeout", &r.AttemptTimeout, defaultRetry.AttemptTimeout},
	} {
		if *d.value < 0 {
			return r, optionError("WithRetry", fmt.Sprintf("%s: %s", d.field, *d.value), "a duration cannot be negative")
		}
		if *d.value == 0 {
			*d.value = d.byDef
		}
	}
	if r.MaxRetries == 0 {
		r.MaxRetries = defaultRetry.MaxRetries
	}
	if r.StatusCodes == nil {
		r.StatusCodes = defaultRetry.StatusCodes
	}
	for _, code := range r.StatusCodes {
		if code < 400 || code > 599 {
			return r, optionError("WithRetry", fmt.Sprintf("StatusCodes: %d", code), "only 400 to 599 are failures")
		}
	}
	r.StatusCodes = slices.Clone(r.StatusCodes) // the caller may go on using the slice
	return r, nil
}

// backOff returns the schedule of one call. The library draws from an interval around its current value; half the
// bound, with the whole of it as spread either way, makes that full jitter: from nothing to the bound.
func (r Retry) backOff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     min(r.Delay, r.MaxDelay) / 2,
		MaxInterval:         r.MaxDelay / 2,
		Multiplier:          2,
		RandomizationFactor: 1,
	}
}

// retrier is the link of the chain that makes attempts: a gen.HttpRequestDoer.
type retrier struct {
	next   *http.Client
	retry  Retry
	logger *slog.Logger
}

// Do sends the request until an attempt brings an answer that is not to be tried again, or the attempts are used up.
// Its response's body is an *answer; its error is an *Error.
func (r *retrier) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, noAnswer(req, 0, err)
	}
	if err := makeReplayable(req); err != nil {
		return nil, noAnswer(req, 0, err)
	}
	started := time.Now()
	var schedule *backoff.ExponentialBackOff // made when the first attempt has failed
	for attempt := 1; ; attempt++ {
		resp, err := r.attempt(req)
		var delay time.Duration
		again := r.failed(ctx, attempt, resp, err)
		if again {
			if schedule == nil {
				schedule = r.retry.backOff()
			}
			delay, again = r.delay(ctx, resp, err, schedule)
		}
		r.log(req, attempt, resp, err, delay, again)
		if !again {
			if err != nil {
				return nil, noAnswer(req, attempt, err)
			}
			a := resp.Body.(*answer)
			a.attempts, a.started = attempt, started
			return resp, nil
		}
		if gaveUp := wait(ctx, delay); gaveUp != nil {
			return nil, noAnswer(req, attempt, fmt.Errorf("%w while waiting to try again after %s", gaveUp, outcome(resp, err)))
		}
	}
}

// makeReplayable sees to it that every attempt can send the whole body. The bodies that this package and the generated
// client make can be replayed as they are; a reader that a caller of Client.API brought may not.
func makeReplayable(req *http.Request) error {
	if req.Body == nil || req.GetBody != nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return fmt.Errorf("reading the request's body: %w", err)
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req.Body.Close()
}

// failed tells whether an attempt failed in a way that another may not, and another is left.
func (r *retrier) failed(ctx context.Context, attempt int, resp *http.Response, err error) bool {
	switch {
	case err == nil && !slices.Contains(r.retry.StatusCodes, resp.StatusCode):
		return false
	case err != nil && !transient(err):
		return false
	}
	return attempt <= r.retry.MaxRetries && ctx.Err() == nil && ctx.Value(singleAttempt{}) == nil
}

// delay returns how long to wait before the next attempt, and whether that can be waited for.
func (r *retrier) delay(
	ctx context.Context, resp *http.Response, err error, schedule backoff.BackOff,
) (time.Duration, bool) {
	delay := schedule.NextBackOff()
	if err == nil {
		if after := retryAfter(resp.Header); after > 0 {
			delay = after
		}
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return 0, false
	}
	return delay, delay <= r.retry.MaxDelay
}

// transient tells whether an attempt that no whole answer came for may go better next time. The network may; a TLS
// handshake that failed for what the two sides are will not, and neither will a call that its caller ended.
func transient(err error) bool {
	var (
		untrusted *tls.CertificateVerificationError
		alert     *net.OpError
		noTLS     tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &untrusted), errors.As(err, &noTLS),
		errors.Is(err, http.ErrSchemeMismatch):
		return false
	case errors.As(err, &alert) && alert.Op == "remote error": // how crypto/tls reports what the other side objects to
		return false
	}
	return true
}

// retryAfter returns how long the Retry-After header asks to wait, in either of its forms, or 0 if it asks for nothing
// that can be waited for.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0 // most answers; what follows would look for a number and three forms of a date
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *retrier) log(req *http.Request, attempt int, resp *http.Response, err error, delay time.Duration, again bool) {
	level := slog.LevelDebug
	if again {
		level = slog.LevelWarn
	}
	ctx := req.Context()
	if !r.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.Int("attempt", attempt), slog.String("outcome", outcome(resp, err))}
	if again {
		attrs = append(attrs, slog.Duration("retry_in", delay.Round(time.Millisecond)))
	}
	attrs = append(attrs,
		slog.String("request_id", req.Header.Get(headerRequestID)),
		slog.String("correlation_id", req.Header.Get(headerCorrelationID)))
	r.logger.LogAttrs(ctx, level, "generate token", attrs...)
}

// outcome says in a few words what came of an attempt.
func outcome(resp *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	return statusText(resp.StatusCode)
}
