package wrapper

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Retry says how failed attempts of a call are tried again. A zero field stands for its default, so the zero value is
// the default policy, which follows the Azure SDK design guidelines. Negative durations are refused by [NewClient].
//
// Tried again are answers with one of StatusCodes, and attempts that no whole answer came for: connection refused,
// reset or cut, or no answer in time. Never tried again are other answers, a TLS handshake that the two sides cannot
// agree on, and a call whose context has ended. A Retry-After in the answer replaces the next delay. The error comes
// back at once if that is longer than MaxDelay, or if any delay would outlast the context's deadline.
type Retry struct {
	// MaxRetries is how many attempts may follow the first: 3 by default, none if negative.
	MaxRetries int
	// Delay is the most that is waited before the second attempt, 0.8 s by default. The bound doubles with each further
	// attempt. The wait is a random part of it (full jitter): clients that failed together do not come back together.
	Delay time.Duration
	// MaxDelay is the most that is waited before any attempt, 60 s by default.
	MaxDelay time.Duration
	// AttemptTimeout is the most that one attempt may take, up to the last byte of the answer: 30 s by default.
	AttemptTimeout time.Duration
	// StatusCodes are the statuses, from 400 to 599, that are tried again; nil means 408, 429, 500, 502, 503 and 504.
	// The endpoint documents 500 as one that callers can retry ("Authentication - Generate access token"), the rest of
	// Partner Center's API has the others ("Partner Center REST error codes", "API throttling guidance").
	StatusCodes []int
}

func (r Retry) withDefaults() Retry {
	r.MaxRetries = min(max(0, cmp.Or(r.MaxRetries, 3)), math.MaxInt-1) // and the first attempt
	r.Delay = cmp.Or(r.Delay, 800*time.Millisecond)
	r.MaxDelay = cmp.Or(r.MaxDelay, 60*time.Second)
	r.AttemptTimeout = cmp.Or(r.AttemptTimeout, 30*time.Second)
	r.StatusCodes = slices.Clone(r.StatusCodes) // the caller may go on using the slice
	if r.StatusCodes == nil {
		r.StatusCodes = []int{408, 429, 500, 502, 503, 504}
	}
	return r
}

// backoff returns how long to wait after so many attempts: a random part of a bound that doubles (full jitter).
func (r Retry) backoff(attempts int) time.Duration {
	bound := r.MaxDelay
	if doubled := attempts - 1; r.Delay < r.MaxDelay>>doubled { // else the shift might overflow
		bound = r.Delay << doubled
	}
	return rand.N(bound)
}

// retrier sends requests, with retries.
type retrier struct {
	client http.Client
	retry  Retry
	logger *slog.Logger
}

// Do has the generated client take part: it is its gen.HttpRequestDoer. Its error is an *Error.
func (r *retrier) Do(req *http.Request) (*http.Response, error) {
	if err := makeSendable(req); err != nil {
		return nil, noAnswer(req, 0, err).failure()
	}
	a := r.send(req, 1+r.retry.MaxRetries)
	resp := *a.response // a copy, for what ends an attempt may look at the other even now
	// An error that is too long ends where it was cut: its status says enough.
	if a.err != nil && (resp.StatusCode < 300 || !errors.Is(a.err, errLong)) {
		return nil, a.failure()
	}
	resp.Body = io.NopCloser(bytes.NewReader(a.content))
	return &resp, nil
}

// send sends the request until an attempt brings an answer that is final, or the attempts are used up.
func (r *retrier) send(req *http.Request, attempts int) *answer {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return noAnswer(req, 0, err)
	}
	started := time.Now()
	for sent := 1; ; sent++ {
		a := r.attempt(req, sent, started)
		delay, again := r.shouldRetry(ctx, a, attempts)
		r.log(ctx, a, delay, again)
		if !again {
			return a
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return noAnswer(req, sent, fmt.Errorf("%w while waiting to try again after %s", ctx.Err(), a.outcome()))
		}
	}
}

// rehearsal knows what net/http would not send, and sends nothing.
var (
	rehearsal   = http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errSendable }}
	errSendable = errors.New("the request can be sent")
)

// makeSendable refuses what no attempt could send, and lets every attempt send the whole body, in a request that a caller
// of Client.API had a hand in. What this package makes by itself can be sent and replayed.
func makeSendable(req *http.Request) error {
	try := req.WithContext(context.Background()) // whose trace sees nothing
	try.Body = nil
	if _, err := rehearsal.RoundTrip(try); !errors.Is(err, errSendable) { //nolint:bodyclose // there is no answer
		return final{err}
	}
	if req.Body == nil || req.GetBody != nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return final{fmt.Errorf("reading the request's body: %w", err)}
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req.Body.Close()
}

// shouldRetry reports whether the failure may be transient and attempts remain, and how long to wait before the next.
func (r *retrier) shouldRetry(ctx context.Context, a *answer, attempts int) (time.Duration, bool) {
	passing := slices.Contains(r.retry.StatusCodes, a.response.StatusCode) || a.response == none && transient(a.err)
	if !passing || a.attempts >= attempts || ctx.Err() != nil {
		return 0, false
	}
	delay := cmp.Or(a.retryAfter(), r.retry.backoff(a.attempts))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return 0, false
	}
	return delay, delay <= r.retry.MaxDelay
}

// transient reports whether an attempt that no whole answer came for may go better next time. The network may; a TLS
// handshake that failed for what the two sides are will not, nor will what cannot be sent or a call that its caller ended.
func transient(err error) bool {
	op, inNetwork := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled), has[final](err), has[*tls.CertificateVerificationError](err),
		has[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return false
	case inNetwork && strings.HasSuffix(op.Op, " error"): // "remote error" or "local error" of crypto/tls
		return slices.Contains(passingAlerts, op.Err.Error())
	}
	return true
}

// has reports whether an error of type E is in err.
func has[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// passingAlerts are the texts of the TLS alerts that the next handshake may not meet: bad_record_mac and internal_error.
var passingAlerts = []string{tls.AlertError(20).Error(), tls.AlertError(80).Error()}

// temporary reports whether what failed before a request was sent may pass: as the error of a bearer says itself, or a
// broken network.
func temporary(err error) bool {
	var says interface{ Retryable() bool }
	if errors.As(err, &says) {
		return says.Retryable()
	}
	return has[net.Error](err) && transient(err)
}

func (r *retrier) log(ctx context.Context, a *answer, delay time.Duration, again bool) {
	level := slog.LevelDebug
	if again {
		level = slog.LevelWarn
	}
	requestID := a.request.Header.Get(headerRequestID)
	if reported := cmp.Or(a.response.Header.Get(headerRequestID), requestID); !strings.EqualFold(reported, requestID) {
		// It may be another call's answer, on a connection that is out of step. No page says that the id is always repeated.
		if uuid.Validate(reported) != nil {
			reported = "no GUID" // it may be anything, a token too
		}
		r.logger.WarnContext(ctx, "the answer names another request id", slog.String("request_id", requestID), slog.String("reported", reported))
	}
	if !r.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.Int("attempt", a.attempts), slog.String("outcome", a.outcome())}
	if again {
		attrs = append(attrs, slog.Duration("retry_in", delay.Round(time.Millisecond)))
	}
	attrs = append(attrs, slog.String("request_id", requestID), slog.String("correlation_id", a.request.Header.Get(headerCorrelationID)))
	r.logger.LogAttrs(ctx, level, "generate token", attrs...)
}
