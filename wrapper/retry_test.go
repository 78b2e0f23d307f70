package wrapper_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestWhichStatusesAreTriedAgain(t *testing.T) {
	again := []int{408, 429, 500, 502, 503, 504}
	for _, status := range []int{201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415, 425, 429, 500, 501, 502, 503, 504, 505} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{failing(status)}}
				_, err := inMemory(t, s).GenerateToken(t.Context())
				e := asError(t, err)
				want := 1
				if slices.Contains(again, status) {
					want = 4
				}
				if len(s.seen()) != want || e.Attempts != want || e.StatusCode != status {
					t.Errorf("sent %d requests, want %d; %v", len(s.seen()), want, err)
				}
			})
		})
	}
}

func TestRetryOptions(t *testing.T) {
	tests := map[string]struct {
		retry  wrapper.Retry
		status int
		want   int
	}{
		"more retries":               {wrapper.Retry{MaxRetries: 7}, 500, 8},
		"one retry":                  {wrapper.Retry{MaxRetries: 1}, 500, 2},
		"none":                       {wrapper.Retry{MaxRetries: -1}, 500, 1},
		"another status":             {wrapper.Retry{StatusCodes: []int{404}}, 404, 4},
		"no longer one of the usual": {wrapper.Retry{StatusCodes: []int{404}}, 500, 1},
		"no status at all":           {wrapper.Retry{StatusCodes: []int{}}, 500, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{failing(test.status)}}
				_, err := inMemory(t, s, wrapper.WithRetry(test.retry)).GenerateToken(t.Context())
				if e := asError(t, err); e.Attempts != test.want || len(s.seen()) != test.want {
					t.Errorf("sent %d requests, want %d; %v", len(s.seen()), test.want, err)
				}
			})
		})
	}
}

func TestTheStatusCodesAreTheClientsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := []int{404}
		client := inMemory(t, &script{answers: []answer{failing(404)}}, wrapper.WithRetry(wrapper.Retry{StatusCodes: codes}))
		codes[0] = 403
		_, err := client.GenerateToken(t.Context())
		if e := asError(t, err); e.Attempts != 4 {
			t.Errorf("after %d attempts: %v", e.Attempts, err)
		}
	})
}

// delays returns the waits before the second and later attempts of a call that never succeeds, in fake time.
func delays(t *testing.T, retry wrapper.Retry) []time.Duration {
	t.Helper()
	var at []time.Time
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
		at = append(at, time.Now())
		return nil, errors.New("refused")
	}), wrapper.WithRetry(retry))
	if _, err := client.GenerateToken(t.Context()); err == nil {
		t.Fatal("got a token")
	}
	var waits []time.Duration
	for i := 1; i < len(at); i++ {
		waits = append(waits, at[i].Sub(at[i-1]))
	}
	return waits
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBackoffIsExponentialWithFullJitter(t *testing.T) {
	tests := map[string]struct {
		retry  wrapper.Retry
		bounds []time.Duration
	}{
		"by default": {wrapper.Retry{}, []time.Duration{800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond}},
		"up to MaxDelay": {
			wrapper.Retry{MaxRetries: 4, Delay: time.Second, MaxDelay: 3 * time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second},
		},
		"with a MaxDelay under the first delay": {
			wrapper.Retry{MaxDelay: 10 * time.Millisecond},
			[]time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 400
				smallest, largest := slices.Clone(test.bounds), make([]time.Duration, len(test.bounds))
				for range calls {
					waits := delays(t, test.retry)
					if len(waits) != len(test.bounds) {
						t.Fatalf("waited %v", waits)
					}
					for i, wait := range waits {
						smallest[i], largest[i] = min(smallest[i], wait), max(largest[i], wait)
					}
				}
				// 400 draws miss a tenth at either end once in 10^18 runs.
				for i, bound := range test.bounds {
					if largest[i] > bound || largest[i] < bound*9/10 || smallest[i] > bound/10 {
						t.Errorf("wait %d was from %v to %v, want all of 0 to %v", i+1, smallest[i], largest[i], bound)
					}
				}
			})
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	tests := map[string]struct {
		header string
		want   time.Duration // exactly; 0 means the usual backoff
	}{
		"seconds":         {"7", 7 * time.Second},
		"a date":          {"+9s", 9 * time.Second},
		"zero":            {"0", 0},
		"a date gone by":  {"-1h", 0},
		"negative":        {"-1", 0},
		"garbage":         {"soon", 0},
		"a fraction":      {"1.5", 0},
		"the longest yet": {"60", 60 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				header := test.header
				if shift, err := time.ParseDuration(header); err == nil && strings.ContainsAny(header, "sh") {
					header = time.Now().Add(shift).UTC().Format(http.TimeFormat)
				}
				start := time.Now()
				s := &script{answers: []answer{failing(429, header), ok()}}
				if _, err := inMemory(t, s).GenerateToken(t.Context()); err != nil {
					t.Fatal(err)
				}
				waited := time.Since(start)
				if test.want > 0 && waited != test.want || test.want == 0 && waited > 800*time.Millisecond {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}

func TestARetryAfterThatWillNotBeWaitedForComesBackAtOnce(t *testing.T) {
	tests := map[string]struct {
		header   string
		deadline time.Duration
		want     time.Duration
	}{
		"longer than MaxDelay":           {"61", time.Hour, 61 * time.Second},
		"longer than the deadline":       {"30", 20 * time.Second, 30 * time.Second},
		"longer than anything":           {"99999999999999999999", time.Hour, 9223372036 * time.Second},
		"more than fits in nanoseconds":  {"9223372037", time.Hour, 9223372036 * time.Second},
		"as long as the deadline allows": {"20", 20 * time.Second, 20 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
				defer cancel()
				start := time.Now()
				_, err := inMemory(t, &script{answers: []answer{failing(429, test.header)}}).GenerateToken(ctx)
				e := asError(t, err)
				if time.Since(start) != 0 || e.Attempts != 1 || e.RetryAfter != test.want || e.StatusCode != 429 {
					t.Errorf("after %v: %v, RetryAfter %v", time.Since(start), err, e.RetryAfter)
				}
			})
		})
	}
}

func TestADelayBeyondTheDeadlineIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		start := time.Now()
		_, err := inMemory(t, &script{answers: []answer{failing(503)}}).GenerateToken(ctx)
		if e := asError(t, err); time.Since(start) != 0 || e.StatusCode != 503 || e.Attempts != 1 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestACancelledCallEndsItsWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		_, err := inMemory(t, &script{answers: []answer{failing(503, "30")}}).GenerateToken(ctx)
		e := asError(t, err)
		if time.Since(start) != 5*time.Second || !errors.Is(err, context.Canceled) || e.Attempts != 1 || e.Retryable() {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if !strings.Contains(err.Error(), "503") {
			t.Errorf("%q does not say what the wait was for", err)
		}
		wantKind(t, err, nil)
	})
}

func TestACallWhoseContextHasEndedSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []answer{ok()}}
	_, err := inMemory(t, s).GenerateToken(ctx)
	if e := asError(t, err); e.Attempts != 0 || len(s.seen()) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sent %d requests; %v", len(s.seen()), err)
	}
}

func TestTheCauseOfACancelledContextIsKeptBesideCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		})
		_, err := inMemory(t, hang).GenerateToken(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAttemptThatTakesTooLongIsTriedAgain(t *testing.T) {
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	stall := func(r *http.Request) (*http.Response, error) {
		body, w := io.Pipe()
		context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: 200, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}, nil
	}
	for name, f := range map[string]roundTrip{"before the headers": hang, "in the body": stall} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := inMemory(t, f, wrapper.WithRetry(wrapper.Retry{AttemptTimeout: time.Minute})).GenerateToken(t.Context())
				e := asError(t, err)
				if e.Attempts != 4 || e.StatusCode != 0 || time.Since(start) < 4*time.Minute || !e.Retryable() {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				if errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the caller had no deadline, the error says it had: %v", err)
				}
				wantKind(t, err, wrapper.ErrUnavailable)
			})
		})
	}
}

func TestTheCallersDeadlineEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		_, err := inMemory(t, hang).GenerateToken(ctx)
		if e := asError(t, err); e.Attempts != 1 || !errors.Is(err, context.DeadlineExceeded) || !e.Retryable() {
			t.Errorf("got %v", err)
		}
		wantKind(t, err, wrapper.ErrUnavailable)
	})
}

func TestTransportFailuresAreTriedAgain(t *testing.T) {
	tests := map[string]struct{ fault emulator.Fault }{
		"a reset connection":         {emulator.Fault{Reset: true}},
		"a token that breaks off":    {emulator.Fault{Truncate: true}},
		"an error that breaks off":   {emulator.Fault{Status: 500, Truncate: true}},
		"a gateway's page":           {emulator.Fault{Status: 502, Body: emulator.BodyHTML}},
		"an empty error":             {emulator.Fault{Status: 500, Body: emulator.BodyEmpty}},
		"a gateway's page, cut":      {emulator.Fault{Status: 504, Body: emulator.BodyHTML, Truncate: true}},
		"an answer after a while":    {emulator.Fault{Status: 503, Delay: time.Millisecond}},
		"a request that took enough": {emulator.Fault{Status: 408}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, err := emulator.Start(emulator.WithFaults(test.fault))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			token, err := newClient(t, server.URL, quickly()).GenerateToken(t.Context())
			if err != nil || token.AccessToken == "" {
				t.Fatalf("got %v, %v", token, err)
			}
			if got := len(server.Requests()); got != 2 {
				t.Errorf("sent %d requests, want 2", got)
			}
		})
	}
}

func TestNoAnswerAtAllIsReportedWithItsReason(t *testing.T) {
	_, err := newClient(t, refusedURL(), quickly()).GenerateToken(t.Context())
	e := asError(t, err)
	if e.StatusCode != 0 || e.Attempts != 4 || e.RequestID == "" || e.CorrelationID == "" || !e.Retryable() {
		t.Errorf("got %#v", e)
	}
	if !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%q does not say why", err)
	}
	wantKind(t, err, wrapper.ErrUnavailable)
}

func TestATLSHandshakeThatCannotSucceedIsNotTriedAgain(t *testing.T) {
	silent := log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(&script{answers: []answer{ok()}})
	server.Config.ErrorLog = silent
	server.StartTLS()
	defer server.Close()
	old := httptest.NewUnstartedServer(&script{answers: []answer{ok()}})
	old.Config.ErrorLog = silent
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	plain := httptest.NewServer(&script{answers: []answer{ok()}})
	defer plain.Close()

	tests := map[string]struct {
		url   string
		roots bool
	}{
		"unknown authority":  {server.URL, false},
		"another host":       {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), true},
		"too old a protocol": {old.URL, true},
		"no TLS at all":      {strings.Replace(plain.URL, "http:", "https:", 1), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			if test.roots {
				transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			}
			client := newClient(t, test.url, quickly(), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
			_, err := client.GenerateToken(t.Context())
			if e := asError(t, err); e.Attempts != 1 || e.StatusCode != 0 || e.Retryable() {
				t.Errorf("after %d attempts: %v", e.Attempts, err)
			}
			wantKind(t, err, wrapper.ErrUnavailable)
		})
	}
}

// tracked tells whether a body was read to its end and closed.
type tracked struct {
	io.Reader
	drained, closed bool
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.drained = b.drained || err == io.EOF
	return n, err
}

func (b *tracked) Close() error {
	b.closed = true
	return nil
}

func TestAnAnswerIsDrainedAndClosedBeforeTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []*tracked
		client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
			for i, b := range bodies {
				if !b.drained || !b.closed {
					t.Errorf("answer %d: drained %t, closed %t", i+1, b.drained, b.closed)
				}
			}
			bodies = append(bodies, &tracked{Reader: strings.NewReader("failed")})
			return &http.Response{StatusCode: 500, Header: http.Header{}, Body: bodies[len(bodies)-1]}, nil
		}))
		if _, err := client.GenerateToken(t.Context()); err == nil || len(bodies) != 4 {
			t.Errorf("%d attempts, %v", len(bodies), err)
		}
	})
}

// endless is a body without an end.
type endless struct{ read int64 }

func (b *endless) Read(p []byte) (int, error) {
	b.read += int64(len(p))
	return len(p), nil
}

func (*endless) Close() error { return nil }

func TestAnEndlessAnswerIsReadToACapAndKeepsItsStatus(t *testing.T) {
	for status, want := range map[int]error{200: wrapper.ErrServer, 400: wrapper.ErrBadRequest} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			limit := map[int]string{200: "longer than 1 MiB", 400: "longer than 64 KiB"}[status]
			body := &endless{}
			client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}, nil
			}))
			_, err := client.GenerateToken(t.Context())
			if e := asError(t, err); e.StatusCode != status || !strings.Contains(err.Error(), limit) {
				t.Errorf("got %.200v", err)
			}
			if body.read > 4<<20 {
				t.Errorf("read %d bytes", body.read)
			}
			wantKind(t, err, want)
		})
	}
}

func TestTheBearerIsFetchedOncePerCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		count := func(context.Context) (string, error) {
			calls++
			return bearer, nil
		}
		s := &script{answers: []answer{failing(500), failing(500), ok()}}
		client, err := wrapper.NewClient(count, wrapper.WithHTTPClient(&http.Client{Transport: s}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.GenerateToken(t.Context()); err != nil || calls != 1 {
			t.Errorf("fetched %d times, %v", calls, err)
		}
	})
}
