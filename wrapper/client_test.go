package wrapper_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestGenerateTokenSendsWhatTheDocumentationAsksFor(t *testing.T) {
	const (
		form = "application/x-www-form-urlencoded"
		grab = "grant_type=jwt_token"
	)
	tests := map[string]struct {
		opts        []wrapper.Option
		path        string
		contentType string
		body        string
		header      map[string]string
	}{
		"by default": {
			path: "/v3/generatetoken", contentType: form, body: grab,
			header: map[string]string{"Accept": "application/json", "MS-PartnerCenter-Application": ""},
		},
		"to the legacy endpoint": {
			opts: []wrapper.Option{wrapper.WithLegacyEndpoint()},
			path: "/generatetoken", contentType: form, body: grab,
		},
		"as JSON": {
			opts: []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeJSON)},
			path: "/v3/generatetoken", contentType: "application/json", body: `{"grant_type":"jwt_token"}`,
		},
		"as text/json": {
			opts: []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeTextJSON)},
			path: "/v3/generatetoken", contentType: "text/json", body: `{"grant_type":"jwt_token"}`,
		},
		"as XML": {
			opts: []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeXML)},
			path: "/v3/generatetoken", contentType: "application/xml",
			body: "<TokenRequest><grant_type>jwt_token</grant_type></TokenRequest>",
		},
		"as text/xml": {
			opts: []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeTextXML)},
			path: "/v3/generatetoken", contentType: "text/xml",
			body: "<TokenRequest><grant_type>jwt_token</grant_type></TokenRequest>",
		},
		"with the caller's own header values": {
			opts: []wrapper.Option{
				wrapper.WithAccept(wrapper.MediaTypeTextXML), wrapper.WithApplication("billing"),
				wrapper.WithUserAgent("billing/1.2"),
			},
			path: "/v3/generatetoken", contentType: form, body: grab,
			header: map[string]string{
				"Accept": "text/xml", "MS-PartnerCenter-Application": "billing", "User-Agent": "billing/1.2",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			if _, err := onSocket(t, s, test.opts...).GenerateToken(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := s.seen()[0]
			if got.method != "POST" || got.path != test.path || got.body != test.body {
				t.Errorf("sent %s %s with body %q", got.method, got.path, got.body)
			}
			want := map[string]string{"Authorization": "Bearer " + bearer, "Content-Type": test.contentType}
			for key, value := range test.header {
				want[key] = value
			}
			for key, value := range want {
				if got.header.Get(key) != value {
					t.Errorf("%s is %q, want %q", key, got.header.Get(key), value)
				}
			}
			for _, key := range []string{"ms-requestid", "ms-correlationid"} {
				if id, err := uuid.Parse(got.header.Get(key)); err != nil || id == uuid.Nil {
					t.Errorf("%s is %q, want a GUID", key, got.header.Get(key))
				}
			}
			if !strings.HasPrefix(got.header.Get("User-Agent"), "partnercenter-go-generatetoken/") && test.header["User-Agent"] == "" {
				t.Errorf("User-Agent is %q", got.header.Get("User-Agent"))
			}
		})
	}
}

func TestIDsOfTheContextAreSentAndReported(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	requestID, correlationID := uuid.New(), uuid.New()
	ctx := wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(t.Context(), correlationID), requestID)
	token, err := onSocket(t, s).GenerateToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := s.seen()[0].header
	if got.Get("ms-requestid") != requestID.String() || got.Get("ms-correlationid") != correlationID.String() {
		t.Errorf("sent %q and %q", got.Get("ms-requestid"), got.Get("ms-correlationid"))
	}
	if token.RequestID != requestID.String() || token.CorrelationID != correlationID.String() {
		t.Errorf("reported %q and %q", token.RequestID, token.CorrelationID)
	}
}

func TestTheZeroUUIDOfAContextStandsForANewID(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	if _, err := onSocket(t, s).GenerateToken(wrapper.ContextWithRequestID(t.Context(), uuid.Nil)); err != nil {
		t.Fatal(err)
	}
	if id := s.seen()[0].header.Get("ms-requestid"); id == uuid.Nil.String() {
		t.Error("the zero GUID was sent: one idempotency key for every call ever made")
	}
}

func TestIDsThatTheServiceReportsWin(t *testing.T) {
	a := ok()
	a.header = map[string]string{"MS-RequestId": "theirs-1", "MS-CorrelationId": "theirs-2"}
	token, err := onSocket(t, &script{answers: []answer{a}}).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.RequestID != "theirs-1" || token.CorrelationID != "theirs-2" {
		t.Errorf("reported %q and %q", token.RequestID, token.CorrelationID)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := &script{answers: []answer{ok()}}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := &script{answers: []answer{{status: status, header: map[string]string{"Location": other.URL}}}}
			follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
			_, err := onSocket(t, s, wrapper.WithHTTPClient(follow)).GenerateToken(t.Context())
			e := asError(t, err)
			if e.StatusCode != status || e.Retryable() {
				t.Errorf("got %v", err)
			}
			wantKind(t, err, nil)
			if len(elsewhere.seen()) != 0 {
				t.Error("the bearer went to another host")
			}
			if err := follow.CheckRedirect(nil, nil); err != nil {
				t.Error("the caller's http.Client was changed")
			}
			follow.CloseIdleConnections()
		})
	}
}

func TestNewClientRefusesWhatCannotWork(t *testing.T) {
	tests := map[string]struct {
		opt  wrapper.Option
		want []string
	}{
		"no URL":                  {wrapper.WithBaseURL("https://a b"), []string{"WithBaseURL", "no URL"}},
		"empty URL":               {wrapper.WithBaseURL(""), []string{"WithBaseURL", `""`, "absolute"}},
		"URL without scheme":      {wrapper.WithBaseURL("service.example"), []string{"WithBaseURL", "service.example", "absolute"}},
		"URL without host":        {wrapper.WithBaseURL("https:///x"), []string{"WithBaseURL", "https:///x", "absolute"}},
		"URL with port alone":     {wrapper.WithBaseURL("https://:443"), []string{"WithBaseURL", "https://:443", "absolute"}},
		"another scheme":          {wrapper.WithBaseURL("ftp://service.example"), []string{"WithBaseURL", "ftp://service.example"}},
		"http to a real host":     {wrapper.WithBaseURL("http://service.example"), []string{"WithBaseURL", "http://service.example", "clear"}},
		"http to a private host":  {wrapper.WithBaseURL("http://10.0.0.1"), []string{"WithBaseURL", "http://10.0.0.1", "clear"}},
		"http to localhost.evil":  {wrapper.WithBaseURL("http://localhost.evil.example"), []string{"clear"}},
		"URL with user info":      {wrapper.WithBaseURL("https://canary:canary@service.example"), []string{"WithBaseURL", "service.example", "user info"}},
		"unparsable, with secret": {wrapper.WithBaseURL("https://user:canary@service.example:x"), []string{"WithBaseURL", "no URL"}},
		"URL with a query":        {wrapper.WithBaseURL("https://service.example?key=canary"), []string{"WithBaseURL", "https://service.example", "query"}},
		"URL with a fragment":     {wrapper.WithBaseURL("https://service.example#canary"), []string{"WithBaseURL", "fragment"}},
		"nil http.Client":         {wrapper.WithHTTPClient(nil), []string{"WithHTTPClient", "nil"}},
		"nil logger":              {wrapper.WithLogger(nil), []string{"WithLogger", "nil"}},
		"negative delay":          {wrapper.WithRetry(wrapper.Retry{Delay: -time.Second}), []string{"WithRetry", "Delay", "-1s"}},
		"negative longest delay":  {wrapper.WithRetry(wrapper.Retry{MaxDelay: -time.Second}), []string{"WithRetry", "MaxDelay", "-1s"}},
		"negative timeout":        {wrapper.WithRetry(wrapper.Retry{AttemptTimeout: -1}), []string{"WithRetry", "AttemptTimeout", "-1ns"}},
		"a success to retry":      {wrapper.WithRetry(wrapper.Retry{StatusCodes: []int{500, 200}}), []string{"WithRetry", "200"}},
		"unknown media type":      {wrapper.WithMediaType("text/plain"), []string{"WithMediaType", "text/plain", "application/json"}},
		"unknown accepted type":   {wrapper.WithAccept("text/plain"), []string{"WithAccept", "text/plain", "application/json"}},
		"form as accepted type":   {wrapper.WithAccept(wrapper.MediaTypeForm), []string{"WithAccept", string(wrapper.MediaTypeForm)}},
		"line break in a header":  {wrapper.WithApplication("a\r\nb"), []string{"WithApplication", `a\r\nb`}},
		"blank header":            {wrapper.WithUserAgent(" "), []string{"WithUserAgent"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), test.opt)
			if err == nil || client != nil {
				t.Fatalf("got %v, %v", client, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%q holds a secret", err)
			}
		})
	}
}

func TestNewClientRefusesANilBearerAndNamesEveryWrongOption(t *testing.T) {
	_, err := wrapper.NewClient(nil, wrapper.WithBaseURL("ftp://x"), wrapper.WithAccept("x"))
	for _, want := range []string{"NewClient(nil)", "WithBaseURL", "WithAccept"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestNewClientTakesBaseURLs(t *testing.T) {
	for _, baseURL := range []string{
		gen.ServerGlobal, gen.ServerChina, "https://service.example/", "https://gateway.example/partner-center",
		"http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080",
	} {
		if _, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(baseURL)); err != nil {
			t.Error(err)
		}
	}
}

func TestAPathInTheBaseURLIsAPrefix(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	server := httptest.NewServer(s)
	defer server.Close()
	if _, err := newClient(t, server.URL+"/partner-center").GenerateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.seen()[0].path; got != "/partner-center/v3/generatetoken" {
		t.Errorf("called %s", got)
	}
}

func TestATransportThatChangesARequestDoesNotChangeTheNext(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	var sent []string
	client := inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.URL.String()+r.Header.Get("X-Hop"))
		r.URL.Host, r.URL.Path = "proxy.example", "/elsewhere"
		r.Header.Set("X-Hop", "1")
		return s.RoundTrip(r)
	}))
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 || sent[0] != "https://service.example/v3/generatetoken" || sent[1] != sent[0] {
		t.Errorf("sent to %q", sent)
	}
}

func TestAPIReplaysAReaderThatCannotBeRewound(t *testing.T) {
	const body = `{"grant_type":"jwt_token"}`
	s := &script{answers: []answer{failing(500), ok()}}
	reader := io.MultiReader(strings.NewReader(body))
	resp, err := onSocket(t, s, quickly()).API().GenerateTokenWithBodyWithResponse(t.Context(), nil, "application/json", reader)
	if err != nil || resp.JSON200 == nil || resp.JSON200.AccessToken != "canary-access-token" {
		t.Fatalf("got %v, %v", resp, err)
	}
	for i, r := range s.seen() {
		if r.body != body {
			t.Errorf("attempt %d sent %v", i+1, r)
		}
	}
	if len(s.seen()) != 2 {
		t.Errorf("sent %d requests, want 2", len(s.seen()))
	}
}

func TestAPIReturnsFailuresTyped(t *testing.T) {
	s := &script{answers: []answer{failing(403)}}
	resp, err := onSocket(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if err != nil || resp.JSON403 == nil || resp.JSON403.Description != "no" {
		t.Errorf("got %v, %v", resp, err)
	}
	_, err = newClient(t, refusedURL(), quickly()).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if e := asError(t, err); e.StatusCode != 0 || e.Attempts != 4 || e.RequestID == "" {
		t.Errorf("got %#v", e)
	}
}

func TestAPIReportsAnAnswerThatBrokeOff(t *testing.T) {
	s := &script{answers: []answer{{status: 400, contentType: "application/json", body: `{"code":"1"}`, length: 900}}}
	_, err := onSocket(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestLogHasEveryAttemptAndNoSecret(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := onSocket(t, &script{answers: []answer{failing(500), ok()}}, quickly(), wrapper.WithLogger(logger))
	token, err := client.GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("logged %q, want two lines", lines)
	}
	for i, wants := range [][]string{
		{"level=WARN", "attempt=1", `outcome="500 Internal Server Error"`, "retry_in="},
		{"level=DEBUG", "attempt=2", `outcome="200 OK"`},
	} {
		for _, want := range append(wants, "request_id="+token.RequestID, "correlation_id="+token.CorrelationID) {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %q lacks %q", lines[i], want)
			}
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log holds a secret: %s", log.String())
	}
}

func TestImportingTheWrapperBringsFewPackages(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{
		"github.com/partnercenter-go/generatetoken/wrapper": true,
		"github.com/partnercenter-go/generatetoken/gen":     true,
		"github.com/oapi-codegen/runtime":                   true,
		"github.com/oapi-codegen/runtime/types":             true,
		"github.com/apapsch/go-jsonmerge/v2":                true, // the runtime's own
		"github.com/google/uuid":                            true,
	}
	packages := strings.Fields(string(out))
	if len(packages) < 2 {
		t.Fatalf("go list printed %q", out)
	}
	for _, p := range packages {
		if !allowed[p] {
			t.Errorf("wrapper imports %s", p)
		}
	}
}
