package wrapper_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// notTheCallers checks the error of a call that a limit has ended which is not its caller's.
func notTheCallers(t *testing.T, err error) {
	t.Helper()
	e := asError(t, err)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("the caller's context has not ended, the error says it has: %v", err)
	}
	checkEqual(t, "os.ErrDeadlineExceeded", errors.Is(err, os.ErrDeadlineExceeded), true)
	checkEqual(t, "retryable", e.Retryable(), true)
	wantKind(t, err, wrapper.ErrUnavailable)
}

// stall answers with a body that does not come before the request's context ends.
func stall(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
	return &http.Response{StatusCode: 200, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}, nil
}

func TestRetry_LimitsEachAttempt(t *testing.T) {
	deafBody := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: newDeaf()}, nil
	}
	for name, f := range map[string]roundTrip{"before the headers": hang, "in the body": stall, "in a body that heeds no context": deafBody} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []time.Duration{0, time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					retry := wrapper.Retry{AttemptTimeout: limit, MaxRetries: 1, Delay: 1}
					_, err := inMemory(t, f, wrapper.WithRetry(retry)).GenerateToken(t.Context())
					e := asError(t, err)
					checkEqual(t, "attempts", e.Attempts, 2)
					checkEqual(t, "status", e.StatusCode, 0)
					if limit == 0 {
						limit = 30 * time.Second // the default
					}
					checkEqual(t, "time", time.Since(start), 2*limit)
					contains(t, err.Error(), "Retry.AttemptTimeout or http.Client.Timeout ("+limit.String()+")")
					notTheCallers(t, err)
				})
			}
		})
	}
}

func TestRetry_AttemptEndsWithTheCallersDeadline(t *testing.T) {
	for name, f := range map[string]roundTrip{"before the headers": hang, "in the body": stall} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				_, err := inMemory(t, f).GenerateToken(ctx)
				e := asError(t, err)
				checkEqual(t, "time", time.Since(start), time.Second)
				checkEqual(t, "attempts", e.Attempts, 1)
				checkEqual(t, "the caller's deadline", errors.Is(err, context.DeadlineExceeded), true)
				checkEqual(t, "retryable", e.Retryable(), true)
				wantKind(t, err, wrapper.ErrUnavailable)
			})
		})
	}
}

func TestRetry_KeepsTheCauseOfACancelledContextBesideCanceled(t *testing.T) {
	for name, f := range map[string]roundTrip{
		"the transport returns it": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		},
		"the transport returns another": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, net.ErrClosed
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cause := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				_, err := inMemory(t, f).GenerateToken(ctx)
				e := asError(t, err)
				checkEqual(t, "cancelled", errors.Is(err, context.Canceled), true)
				checkEqual(t, "attempts", e.Attempts, 1)
				checkEqual(t, "retryable", e.Retryable(), false)
				if name == "the transport returns it" {
					checkEqual(t, "cause", errors.Is(err, cause), true)
				}
			})
		})
	}
}

// The limits that a user's http.Client has are no end of the caller's context, though net and net/http call them so.
func TestRetry_LimitOfTheHTTPClientIsNotTheCallersDeadline(t *testing.T) {
	silent := rawAnswer(t, func(w io.Writer) { _, _ = io.Copy(io.Discard, w.(io.Reader)) })
	stalled := rawAnswer(t, func(w io.Writer) {
		_, _ = io.WriteString(w, headOK+"Content-Length: 100\r\n\r\n{")
		_, _ = io.Copy(io.Discard, w.(io.Reader))
	})
	const limit = 20 * time.Millisecond
	tests := map[string]struct {
		url    string
		client http.Client
	}{
		"Timeout":               {silent, http.Client{Timeout: limit, Transport: &http.Transport{}}},
		"Timeout, in the body":  {stalled, http.Client{Timeout: limit, Transport: &http.Transport{}}},
		"ResponseHeaderTimeout": {silent, http.Client{Transport: &http.Transport{ResponseHeaderTimeout: limit}}},
		"Dialer.Timeout":        {silent, http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 1}).DialContext}}},
		"Dialer.Deadline":       {silent, http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Deadline: time.Unix(1, 0)}).DialContext}}},
		"TLSHandshakeTimeout":   {"https" + silentTLS(t), http.Client{Transport: &http.Transport{TLSHandshakeTimeout: limit}}},
		"a context of its own": {silent, http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(r.Context(), limit)
			defer cancel()
			return hang(r.WithContext(ctx))
		})}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer test.client.CloseIdleConnections()
			client := newClient(t, test.url, wrapper.WithHTTPClient(&test.client), wrapper.WithRetry(wrapper.Retry{MaxRetries: 1, Delay: 1}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := client.GenerateToken(ctx)
			e := asError(t, err)
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				t.Errorf("the caller's context has not ended, the error says it has: %v", err)
			}
			checkEqual(t, "attempts", e.Attempts, 2)
			checkEqual(t, "retryable", e.Retryable(), true)
			wantKind(t, err, wrapper.ErrUnavailable)
		})
	}
}
