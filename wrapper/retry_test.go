package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestRetry_IsMadeForTheStatusesThatMayPass(t *testing.T) {
	again := []int{408, 429, 500, 502, 503, 504}
	for status := 201; status < 600; status++ {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: []answer{failing(status)}}
			_, err := inMemory(t, s).GenerateToken(t.Context())
			e := asError(t, err)
			want := 1
			if slices.Contains(again, status) {
				want = 4
			}
			checkEqual(t, fmt.Sprintf("requests for %d", status), len(s.seen()), want)
			checkEqual(t, "attempts", e.Attempts, want)
			checkEqual(t, "status", e.StatusCode, status)
		})
	}
}

func TestRetry_Options(t *testing.T) {
	tests := map[string]struct {
		retry  wrapper.Retry
		status int
		want   int
	}{
		"by default":                 {wrapper.Retry{}, 500, 4},
		"more retries":               {wrapper.Retry{MaxRetries: 7}, 500, 8},
		"one retry":                  {wrapper.Retry{MaxRetries: 1}, 500, 2},
		"none":                       {wrapper.Retry{MaxRetries: -1}, 500, 1},
		"fewer than none":            {wrapper.Retry{MaxRetries: math.MinInt}, 500, 1},
		"another status":             {wrapper.Retry{StatusCodes: []int{404}}, 404, 4},
		"no longer one of the usual": {wrapper.Retry{StatusCodes: []int{404}}, 500, 1},
		"no status at all":           {wrapper.Retry{StatusCodes: []int{}}, 500, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{failing(test.status)}}
				_, err := inMemory(t, s, wrapper.WithRetry(test.retry)).GenerateToken(t.Context())
				checkEqual(t, "attempts", asError(t, err).Attempts, test.want)
				checkEqual(t, "requests", len(s.seen()), test.want)
			})
		})
	}
}

func TestRetry_EndsWithSuccess(t *testing.T) {
	s := &script{answers: []answer{failing(500), failing(503), ok(), failing(500)}}
	token, err := inMemory(t, s, quickly()).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "token", token.AccessToken, "canary-access-token")
	checkEqual(t, "requests", len(s.seen()), 3)
}

func TestRetry_StatusCodesAreTheClientsOwn(t *testing.T) {
	codes := []int{404}
	client := inMemory(t, &script{answers: []answer{failing(404)}}, wrapper.WithRetry(wrapper.Retry{StatusCodes: codes, Delay: 1}))
	codes[0] = 403
	_, err := client.GenerateToken(t.Context())
	checkEqual(t, "attempts", asError(t, err).Attempts, 4)
}

// The largest numbers are limits like others: nothing overflows.
func TestRetry_TakesTheLargestNumbers(t *testing.T) {
	for name, retry := range map[string]wrapper.Retry{
		"MaxRetries":     {MaxRetries: math.MaxInt, Delay: 1},
		"Delay":          {MaxRetries: 5, Delay: math.MaxInt64, MaxDelay: time.Second},
		"AttemptTimeout": {MaxRetries: 5, AttemptTimeout: math.MaxInt64},
		"MaxDelay":       {MaxRetries: 5, MaxDelay: math.MaxInt64},
		"many retries":   {MaxRetries: 200, MaxDelay: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{failing(500), failing(500), failing(500), failing(500), ok()}}
				if _, err := inMemory(t, s, wrapper.WithRetry(retry)).GenerateToken(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
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

func TestRetry_WaitsExponentiallyWithFullJitter(t *testing.T) {
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
		"up to the default MaxDelay": {
			wrapper.Retry{MaxRetries: 4, Delay: 20 * time.Second},
			[]time.Duration{20 * time.Second, 40 * time.Second, time.Minute, time.Minute},
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

func TestRetry_ObeysRetryAfter(t *testing.T) {
	tests := map[string]struct {
		header string // or the layout of a date nine seconds ahead
		want   time.Duration
	}{
		"seconds":                     {"7", 7 * time.Second},
		"the longest by default":      {"60", 60 * time.Second},
		"with a leading zero":         {"007", 7 * time.Second},
		"a date":                      {http.TimeFormat, 9 * time.Second},
		"a date as in RFC 850":        {"Monday, 02-Jan-06 15:04:05 GMT", 9 * time.Second},
		"a date as asctime writes it": {time.ANSIC, 9 * time.Second},
	}
	for name, test := range tests {
		for _, status := range []int{429, 503} {
			for _, backoff := range []time.Duration{time.Minute, 1} { // far longer, and as good as none
				t.Run(fmt.Sprintf("%s, with %d, in place of %v", name, status, backoff), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						start, header := time.Now(), test.header
						if strings.Contains(header, "Jan") {
							header = start.Add(9 * time.Second).UTC().Format(header)
						}
						s := &script{answers: []answer{failing(status, header), ok()}}
						if _, err := inMemory(t, s, wrapper.WithRetry(wrapper.Retry{Delay: backoff})).GenerateToken(t.Context()); err != nil {
							t.Fatal(err)
						}
						checkEqual(t, "wait", time.Since(start), test.want)
					})
				})
			}
		}
	}
}

func TestRetry_TakesARetryAfterThatIsNoneForNone(t *testing.T) {
	for _, value := range []string{
		"-1", "0", "+7", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "1e20", "0x1", "1.5", "7 s", "", "7, 8", "Fri, 32 Dec 2029 00:00:00 GMT",
	} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := inMemory(t, &script{answers: []answer{failing(429, value)}}).GenerateToken(t.Context())
				e := asError(t, err)
				checkEqual(t, "RetryAfter", e.RetryAfter, 0)
				checkEqual(t, "attempts", e.Attempts, 4)
				if waited := time.Since(start); waited > 5600*time.Millisecond {
					t.Errorf("waited %v, more than the backoff", waited)
				}
			})
		})
	}
}

func TestRetry_DoesNotWaitForWhatIsTooLong(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	tests := map[string]struct {
		header   string
		deadline time.Duration
		least    time.Duration // of RetryAfter
		most     time.Duration
	}{
		"longer than MaxDelay":           {"61", time.Hour, 61 * time.Second, 61 * time.Second},
		"longer than the deadline":       {"30", 20 * time.Second, 30 * time.Second, 30 * time.Second},
		"as long as the deadline allows": {"20", 20 * time.Second, 20 * time.Second, 20 * time.Second},
		"the largest that fits":          {"9223372036", time.Hour, century, math.MaxInt64},
		"more than fits in nanoseconds":  {"9223372037", time.Hour, century, math.MaxInt64},
		"more than fits in 64 bits":      {"99999999999999999999", time.Hour, century, math.MaxInt64},
		"the last date":                  {"Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, century, math.MaxInt64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
				defer cancel()
				start := time.Now()
				_, err := inMemory(t, &script{answers: []answer{failing(429, test.header)}}).GenerateToken(ctx)
				e := asError(t, err)
				checkEqual(t, "wait", time.Since(start), 0)
				checkEqual(t, "attempts", e.Attempts, 1)
				checkEqual(t, "status", e.StatusCode, 429)
				if e.RetryAfter < test.least || e.RetryAfter > test.most {
					t.Errorf("RetryAfter is %v", e.RetryAfter)
				}
				presentable(t, err)
			})
		})
	}
}

func TestRetry_DoesNotWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		start := time.Now()
		_, err := inMemory(t, &script{answers: []answer{failing(503)}}).GenerateToken(ctx)
		e := asError(t, err)
		checkEqual(t, "wait", time.Since(start), 0)
		checkEqual(t, "status", e.StatusCode, 503)
		checkEqual(t, "attempts", e.Attempts, 1)
	})
}

func TestRetry_EndsAtOnceWhenTheCallIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		_, err := inMemory(t, &script{answers: []answer{failing(503, "30")}}).GenerateToken(ctx)
		e := asError(t, err)
		checkEqual(t, "wait", time.Since(start), 5*time.Second)
		checkEqual(t, "attempts", e.Attempts, 1)
		checkEqual(t, "retryable", e.Retryable(), false)
		checkEqual(t, "cancelled", errors.Is(err, context.Canceled), true)
		contains(t, err.Error(), "while waiting to try again after 503")
		wantKind(t, err, nil)
	})
}

func TestRetry_SendsNothingForACallWhoseContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []answer{ok()}}
	_, err := inMemory(t, s).GenerateToken(ctx)
	checkEqual(t, "attempts", asError(t, err).Attempts, 0)
	checkEqual(t, "requests", len(s.seen()), 0)
	checkEqual(t, "cancelled", errors.Is(err, context.Canceled), true)
}

func TestRetry_IsMadeAfterWhatBrokeOff(t *testing.T) {
	tests := map[string]emulator.Fault{
		"a reset connection":         {Reset: true},
		"a token that breaks off":    {Truncate: true},
		"an error that breaks off":   {Status: 500, Truncate: true},
		"a gateway's page":           {Status: 502, Body: emulator.BodyHTML},
		"an empty error":             {Status: 500, Body: emulator.BodyEmpty},
		"a gateway's page, cut":      {Status: 504, Body: emulator.BodyHTML, Truncate: true},
		"an answer after a while":    {Status: 503, Delay: time.Millisecond},
		"a request that took enough": {Status: 408},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			server, err := emulator.Start(emulator.WithFaults(fault))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			token, err := newClient(t, server.URL, quickly()).GenerateToken(t.Context())
			if err != nil || token.AccessToken == "" {
				t.Fatalf("got %v, %v", token, err)
			}
			checkEqual(t, "requests", len(server.Requests()), 2)
		})
	}
}

func TestRetry_ReportsWhyNoAnswerCame(t *testing.T) {
	_, err := newClient(t, refusedURL(), quickly()).GenerateToken(t.Context())
	e := asError(t, err)
	checkEqual(t, "status", e.StatusCode, 0)
	checkEqual(t, "attempts", e.Attempts, 4)
	checkEqual(t, "retryable", e.Retryable(), true)
	contains(t, err.Error(), "connection refused", e.RequestID, e.CorrelationID)
	wantKind(t, err, wrapper.ErrUnavailable)
}

// What no attempt can send is not tried again, nor counted.
func TestRetry_IsNotMadeForWhatCannotBeSent(t *testing.T) {
	fails := func() (io.ReadCloser, error) { return nil, errors.New("the body is gone") }
	tests := map[string]func(*http.Request){
		"a header name with a space":   func(r *http.Request) { r.Header["X Y"] = []string{"1"} },
		"a header name with a colon":   func(r *http.Request) { r.Header["X:Y"] = []string{"1"} },
		"a header name with a bracket": func(r *http.Request) { r.Header["X[Y]"] = []string{"1"} },
		"a header name in Cyrillic":    func(r *http.Request) { r.Header["Х"] = []string{"1"} },
		"an empty header name":         func(r *http.Request) { r.Header[""] = []string{"1"} },
		"a line break in a value":      func(r *http.Request) { r.Header["X"] = []string{"fine", "1\r\nY: 2"} },
		"a NUL in a value":             func(r *http.Request) { r.Header["X"] = []string{"\x00"} },
		"a DEL in a value":             func(r *http.Request) { r.Header["X"] = []string{"\x7f"} },
		"a body that cannot be had":    func(r *http.Request) { r.GetBody = fails },
		"a reader that fails": func(r *http.Request) {
			r.GetBody = nil
			r.Body = io.NopCloser(failingReader{errors.New("the body is gone")})
		},
		"no method":      func(r *http.Request) { r.Method = "P OST" },
		"another scheme": func(r *http.Request) { r.URL.Scheme = "ftp" },
		"no scheme":      func(r *http.Request) { r.URL.Scheme = "" },
		"no host":        func(r *http.Request) { r.URL.Host, r.Host = "", "" },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			synctest.Test(t, func(t *testing.T) {
				edit := func(_ context.Context, r *http.Request) error {
					spoil(r)
					return nil
				}
				start := time.Now()
				transport := &http.Transport{}
				var rt http.RoundTripper = s
				if strings.Contains(name, "scheme") || strings.Contains(name, "method") || strings.Contains(name, "host") {
					rt = transport // which knows what it cannot send, and opens no connection for it
				}
				_, err := inMemory(t, rt).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{}, edit)
				e := asError(t, err)
				checkEqual(t, "wait", time.Since(start), 0)
				checkEqual(t, "attempts", e.Attempts, 0)
				checkEqual(t, "retryable", e.Retryable(), false)
				wantKind(t, err, nil)
			})
			checkEqual(t, "requests", len(s.seen()), 0)
		})
	}
}

func TestRetry_IsNotMadeForAnAnswerWithoutAStatus(t *testing.T) {
	attempts := 0
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
		attempts++
		return &http.Response{}, nil
	}))
	_, err := client.GenerateToken(t.Context())
	_ = asError(t, err)
	checkEqual(t, "attempts", attempts, 1)
}

func TestRetry_CountsTheRequestsThatWereSent(t *testing.T) {
	bodies := 0
	edit := func(_ context.Context, r *http.Request) error {
		get := r.GetBody
		r.GetBody = func() (io.ReadCloser, error) {
			if bodies++; bodies > 2 {
				return nil, errors.New("the body is gone")
			}
			return get()
		}
		return nil
	}
	s := &script{answers: []answer{failing(500)}}
	_, err := inMemory(t, s, quickly()).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{}, edit)
	e := asError(t, err)
	checkEqual(t, "attempts", e.Attempts, 2)
	checkEqual(t, "requests", len(s.seen()), 2)
	checkEqual(t, "bodies", bodies, 3)
	contains(t, err.Error(), "the body is gone")
}
