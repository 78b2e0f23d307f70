package wrapper_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bearer = "canary.bearer.0123456789"

	tokenJSON = `{"access_token":"canary-access-token","token_type":"bearer","expires_in":3600}`
	tokenXML  = `<AccessToken xmlns="urn:any"><access_token>canary-access-token</access_token>` +
		`<token_type>bearer</token_type><expires_in>3600</expires_in></AccessToken>`
)

// script answers one request after the other, the last answer again and again, and keeps what it was sent. It is an
// http.Handler for tests on sockets and an http.RoundTripper for tests in fake time, which a socket would stall.
type script struct {
	answers []answer

	mu       sync.Mutex
	requests []request
}

type answer struct {
	status      int
	contentType string
	header      map[string]string
	body        string
	length      int // Content-Length, if not the body's
	err         error
}

type request struct {
	method, path string
	header       http.Header
	body         string
}

func ok() answer { return answer{status: 200, contentType: "application/json", body: tokenJSON} }

func failing(status int, retryAfter ...string) answer {
	a := answer{status: status, contentType: "application/json", body: `{"code":"1","description":"no","source":"test"}`}
	for _, value := range retryAfter {
		a.header = map[string]string{"Retry-After": value}
	}
	return a
}

func (s *script) next(r *http.Request) answer {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
	return s.answers[min(len(s.requests), len(s.answers))-1]
}

func (s *script) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.next(r)
	if a.err != nil {
		panic(http.ErrAbortHandler)
	}
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	} else {
		w.Header()["Content-Type"] = nil // net/http would guess one
	}
	for key, value := range a.header {
		w.Header().Set(key, value)
	}
	if a.length > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(a.length))
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
	if a.length > len(a.body) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.next(r)
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {a.contentType}}
	for key, value := range a.header {
		header.Set(key, value)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// onSocket serves the script on loopback and returns a client of it.
func onSocket(t *testing.T, s *script, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return newClient(t, server.URL, opts...)
}

// inMemory returns a client whose transport is the script.
func inMemory(t *testing.T, s http.RoundTripper, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	opts = append([]wrapper.Option{wrapper.WithHTTPClient(&http.Client{Transport: s})}, opts...)
	return newClient(t, "https://service.example", opts...)
}

func newClient(t *testing.T, baseURL string, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	// A transport of its own, so that the connections end with the test.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	opts = append([]wrapper.Option{
		wrapper.WithBaseURL(baseURL), wrapper.WithHTTPClient(&http.Client{Transport: transport}),
	}, opts...)
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// refusedURL returns a base URL that nobody listens at.
func refusedURL() string {
	server := httptest.NewServer(nil)
	server.Close()
	return server.URL
}

// quickly makes retries that a test on a socket does not have to wait for.
func quickly() wrapper.Option { return wrapper.WithRetry(wrapper.Retry{Delay: 1}) }

// asError returns err as *wrapper.Error, which every error of a call has to be.
func asError(t *testing.T, err error) *wrapper.Error {
	t.Helper()
	var e *wrapper.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T (%v), not *wrapper.Error", err, err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error holds a secret: %v", err)
	}
	return e
}

var sentinels = map[string]error{
	"ErrBadRequest":   wrapper.ErrBadRequest,
	"ErrUnauthorized": wrapper.ErrUnauthorized,
	"ErrForbidden":    wrapper.ErrForbidden,
	"ErrNotFound":     wrapper.ErrNotFound,
	"ErrThrottled":    wrapper.ErrThrottled,
	"ErrServer":       wrapper.ErrServer,
	"ErrUnavailable":  wrapper.ErrUnavailable,
}

// wantKind checks that err matches the sentinel and none of the others.
func wantKind(t *testing.T, err error, want error) {
	t.Helper()
	for name, sentinel := range sentinels {
		if got := errors.Is(err, sentinel); got != errors.Is(sentinel, want) {
			t.Errorf("errors.Is(err, %s) = %t; the error is %v", name, got, err)
		}
	}
}
