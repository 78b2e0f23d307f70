package wrapper_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// TestMain has the default client, which copies http.DefaultTransport, trust the servers of net/http/httptest.
func TestMain(m *testing.M) {
	server := httptest.NewTLSServer(nil)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	server.Close()
	http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	goleak.VerifyTestMain(m)
}

const (
	bearer = "canary.bearer.0123456789"

	tokenJSON = `{"access_token":"canary-access-token","token_type":"bearer","expires_in":3600}`
	tokenXML  = `<AccessToken xmlns="urn:any"><access_token>canary-access-token</access_token>` +
		`<token_type>bearer</token_type><expires_in>3600</expires_in></AccessToken>`
)

// checkEqual checks one thing, so that a failure says which.
func checkEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %#v, want %#v", what, got, want)
	}
}

// contains checks that a text says each of some things.
func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%.500q does not say %q", text, want)
		}
	}
}

// formatted returns values in a format of package fmt.
func formatted(verb string, values ...any) string {
	var text strings.Builder
	for _, value := range values {
		fmt.Fprintf(&text, verb+"\n", value)
	}
	return text.String()
}

// within fails if f takes longer, for what would else block the test for ever.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("not done after %v", d)
	}
}

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
	method, url, path string
	header            http.Header
	body              string
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
	s.requests = append(s.requests, request{r.Method, r.URL.String(), r.URL.Path, r.Header.Clone(), string(body)})
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

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// hang gives no answer until the request's context ends.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// deaf is a body without end that heeds no context: a Read of it ends when it is closed.
type deaf struct {
	closed chan struct{}
	close  func()
}

func newDeaf() *deaf {
	closed := make(chan struct{})
	return &deaf{closed, sync.OnceFunc(func() { close(closed) })}
}

func (d *deaf) Read([]byte) (int, error) {
	<-d.closed
	return 0, net.ErrClosed
}

func (d *deaf) Close() error {
	d.close()
	return nil
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

// newClient returns a client on a transport that keeps connections, as a user's own does.
func newClient(t *testing.T, baseURL string, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return defaultClient(t, baseURL, append([]wrapper.Option{wrapper.WithHTTPClient(&http.Client{Transport: transport})}, opts...)...)
}

// defaultClient returns a client on the default transport.
func defaultClient(t *testing.T, baseURL string, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	return withBearer(t, wrapper.StaticBearer(bearer), append([]wrapper.Option{wrapper.WithBaseURL(baseURL)}, opts...)...)
}

func withBearer(t *testing.T, f wrapper.BearerFunc, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	client, err := wrapper.NewClient(f, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// on is the option for a transport of the test's own.
func on(rt http.RoundTripper) wrapper.Option {
	return wrapper.WithHTTPClient(&http.Client{Transport: rt})
}

// refusedURL returns a base URL that nobody listens at.
func refusedURL() string {
	server := httptest.NewServer(nil)
	server.Close()
	return server.URL
}

// silently starts a TLS server that logs nothing of handshakes that fail.
func silently(t *testing.T, handler http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// rawServer has a function handle each connection, until the test ends.
func rawServer(t *testing.T, handle func(conn *net.TCPConn, in *bufio.Reader)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn), bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return "http://" + listener.Addr().String()
}

// rawAnswer answers the first request of each connection with whatever answer writes, which ends with the connection.
func rawAnswer(t *testing.T, answer func(io.Writer)) (url string) {
	t.Helper()
	return rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(conn)
		}
	})
}

const headOK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// whole is an answer with a Content-Length.
func whole(head, body string) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprintf(w, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body) }
}

// quickly makes retries that a test on a socket does not have to wait for.
func quickly() wrapper.Option { return wrapper.WithRetry(wrapper.Retry{Delay: 1}) }

// once makes no retries.
func once() wrapper.Option { return wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}) }

// asError returns err as *wrapper.Error, which every error of a call has to be.
func asError(t *testing.T, err error) *wrapper.Error {
	t.Helper()
	var e *wrapper.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T (%v), not *wrapper.Error", err, err)
	}
	withoutSecrets(t, err)
	return e
}

// withoutSecrets checks that nothing of an error shows a secret, and that of an *Error no field does.
func withoutSecrets(t *testing.T, err error) {
	t.Helper()
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x"} {
			text := fmt.Sprintf(verb, wrapped)
			if e := (*wrapper.Error)(nil); errors.As(wrapped, &e) {
				text += fmt.Sprintf(verb, *e)
			}
			if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s of %T shows a secret: %.500s", verb, wrapped, text)
				return
			}
		}
	}
}

// presentable checks what holds for the text of every error: one printable line of bounded length, without the bearer.
func presentable(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > 3000 {
		t.Errorf("%d bytes: %.3000q", len(text), text)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not one printable line: %q", text)
	}
	if strings.Contains(text, bearer) {
		t.Errorf("the bearer is in %q", text)
	}
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
			t.Errorf("errors.Is(err, %s) = %t; the error is %.1000v", name, got, err)
		}
	}
}

// endpoint is a token endpoint in fake time: each answer takes a second and holds a token of its own. It keeps when it
// was asked.
type endpoint struct {
	expiresIn string // the member's value in JSON; an hour if it is empty
	fail      func() *answer

	mu    sync.Mutex
	asked []time.Time
	sent  []http.Header
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked = append(e.asked, time.Now())
	e.sent = append(e.sent, r.Header.Clone())
	n := len(e.asked)
	e.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if e.fail != nil {
		if a := e.fail(); a != nil {
			return (&script{answers: []answer{*a}}).RoundTrip(r)
		}
	}
	expiresIn := e.expiresIn
	if expiresIn == "" {
		expiresIn = "3600"
	}
	return tokenNamed(fmt.Sprintf("token-%d", n), expiresIn).RoundTrip(r)
}

// count is how often the endpoint was asked.
func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// tokenNamed answers with a certain token.
func tokenNamed(token, expiresIn string) *script {
	body := fmt.Sprintf(`{"access_token":%q,"token_type":"bearer","expires_in":%s}`, token, expiresIn)
	return &script{answers: []answer{{status: 200, contentType: "application/json", body: body}}}
}

func source(t *testing.T, rt http.RoundTripper, opts ...wrapper.SourceOption) *wrapper.TokenSource {
	t.Helper()
	return wrapper.NewTokenSource(inMemory(t, rt), opts...)
}

func mustToken(t *testing.T, s *wrapper.TokenSource) *wrapper.Token {
	t.Helper()
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// tokenWithin asks for a token under a deadline.
func tokenWithin(t *testing.T, s *wrapper.TokenSource, d time.Duration) (*wrapper.Token, error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return s.Token(ctx)
}

// pass lets fake time pass, and the source do what it has to meanwhile.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
