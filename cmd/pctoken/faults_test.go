package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Every documented fault, set in each of the ways there are, and what the wrapper makes of it with one retry.
func TestFaults_CostACallWhatIsDocumented(t *testing.T) {
	const hour = time.Hour
	type outcome struct {
		attempts int
		kind     error // nil for a token, or for an error of no kind
		status   int   // of an error
		says     string
	}
	token := func(attempts int) outcome { return outcome{attempts: attempts} }
	for spec, test := range map[string]struct {
		fault emulator.Fault
		want  outcome
	}{
		"500":             {emulator.Fault{Status: 500}, token(2)},
		"503":             {emulator.Fault{Status: 503}, token(2)},
		"400":             {emulator.Fault{Status: 400}, outcome{1, wrapper.ErrBadRequest, 400, "800002"}},
		"403":             {emulator.Fault{Status: 403}, outcome{1, wrapper.ErrForbidden, 403, "2032"}},
		"501":             {emulator.Fault{Status: 501}, outcome{1, wrapper.ErrServer, 501, "501"}},
		"401:code=900420": {emulator.Fault{Status: 401, Code: "900420"}, outcome{1, wrapper.ErrUnauthorized, 401, ".default"}},
		"429:retry-after=3600": {emulator.Fault{Status: 429, RetryAfter: hour},
			outcome{1, wrapper.ErrThrottled, 429, "1h0m0s"}},
		"429:retry-after-date=3600": {emulator.Fault{Status: 429, RetryAfter: hour, RetryAfterDate: true},
			outcome{1, wrapper.ErrThrottled, 429, "retry after "}},
		"307":                            {emulator.Fault{Status: 307}, outcome{1, nil, 307, "307"}},
		"302:location=https://a.example": {emulator.Fault{Status: 302, Location: "https://a.example"}, outcome{1, nil, 302, "302"}},
		"502:html":                       {emulator.Fault{Status: 502, Body: emulator.BodyHTML}, token(2)},
		"403:html":                       {emulator.Fault{Status: 403, Body: emulator.BodyHTML}, outcome{1, wrapper.ErrForbidden, 403, "403"}},
		"html":                           {emulator.Fault{Body: emulator.BodyHTML}, outcome{1, wrapper.ErrServer, 200, "text/html"}},
		"500:empty":                      {emulator.Fault{Status: 500, Body: emulator.BodyEmpty}, token(2)},
		"empty":                          {emulator.Fault{Body: emulator.BodyEmpty}, outcome{1, wrapper.ErrServer, 200, "0 bytes"}},
		"malformed":                      {emulator.Fault{Body: emulator.BodyMalformed}, outcome{1, wrapper.ErrServer, 200, "no usable access token"}},
		"huge":                           {emulator.Fault{Body: emulator.BodyHuge}, outcome{1, wrapper.ErrServer, 200, "1024 KiB"}},
		"content-type=text/plain":        {emulator.Fault{ContentType: "text/plain"}, token(1)},
		"delay=1h":                       {emulator.Fault{Delay: hour}, token(2)},
		"slow=1":                         {emulator.Fault{BytesPerSecond: 1}, token(2)},
		"truncate":                       {emulator.Fault{Truncate: true}, token(2)},
		"reset":                          {emulator.Fault{Reset: true}, token(2)},
		"reset-after-headers":            {emulator.Fault{ResetAfterHeaders: true}, token(2)},
		"500:times=2":                    {emulator.Fault{Status: 500, Times: 2}, outcome{2, wrapper.ErrServer, 500, "800003"}},
		"500:every=2":                    {emulator.Fault{Status: 500, Every: 2}, token(1)},
		"500:probability=1":              {emulator.Fault{Status: 500, Probability: 1}, outcome{2, wrapper.ErrServer, 500, "800003"}},
	} {
		for way, start := range map[string]func(t *testing.T) string{
			"Go": func(t *testing.T) string {
				server, err := emulator.Start(emulator.WithFaults(test.fault))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(server.Close)
				return server.URL
			},
			"flag": func(t *testing.T) string { return serving(t, 1, "--fault", spec)[0] },
			"admin API": func(t *testing.T) string {
				url := serving(t, 1)[0]
				ask(t, http.MethodPut, url+"/_emulator/faults", fmt.Sprintf("[%q]", spec))
				return url
			},
		} {
			t.Run(spec+" by "+way, func(t *testing.T) {
				t.Parallel()
				transport := &http.Transport{}
				t.Cleanup(transport.CloseIdleConnections)
				url := start(t)
				client, err := wrapper.NewClient(wrapper.StaticBearer(canary),
					wrapper.WithBaseURL(url), wrapper.WithHTTPClient(&http.Client{Transport: transport}),
					wrapper.WithRetry(wrapper.Retry{MaxRetries: 1, Delay: 1, AttemptTimeout: 2 * time.Second}))
				if err != nil {
					t.Fatal(err)
				}
				token, err := client.GenerateToken(t.Context())
				var e *wrapper.Error
				switch {
				case test.want.status == 0:
					if err != nil || token.AccessToken == "" {
						t.Errorf("got %v, %v", token, err)
					}
				case !errors.As(err, &e) || e.StatusCode != test.want.status || e.Attempts != test.want.attempts ||
					test.want.kind != nil && !errors.Is(err, test.want.kind) || !strings.Contains(err.Error(), test.want.says):
					t.Errorf("got %v", err)
				}
				var requests []emulator.Request
				if err := json.Unmarshal(ask(t, http.MethodGet, url+"/_emulator/requests", ""), &requests); err != nil {
					t.Fatal(err)
				}
				if len(requests) != test.want.attempts {
					t.Errorf("%d attempts, want %d", len(requests), test.want.attempts)
				}
			})
		}
	}
}
