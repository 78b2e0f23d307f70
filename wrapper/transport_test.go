package wrapper_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestTransport_DoesNotFollowRedirects(t *testing.T) {
	elsewhere := &script{answers: []answer{ok()}}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"elsewhere": other.URL, "in a circle": "/v3/generatetoken", "nowhere": "", "to no URL": "http://[::1/%zz", "to another scheme": "ftp://x",
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				s := &script{answers: []answer{{status: status, header: map[string]string{"Location": location}}}}
				follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }, Transport: &http.Transport{}}
				defer follow.CloseIdleConnections()
				_, err := onSocket(t, s, wrapper.WithHTTPClient(follow), quickly()).GenerateToken(t.Context())
				e := asError(t, err)
				checkEqual(t, "status", e.StatusCode, status)
				checkEqual(t, "attempts", e.Attempts, 1)
				checkEqual(t, "requests", len(s.seen()), 1)
				checkEqual(t, "retryable", e.Retryable(), false)
				wantKind(t, err, nil)
				if err := follow.CheckRedirect(nil, nil); err != nil {
					t.Error("the caller's http.Client was changed")
				}
			})
		}
	}
	checkEqual(t, "requests that followed", len(elsewhere.seen()), 0)
}

// counting is a server that counts the connections that it has taken and has open.
type counting struct {
	*httptest.Server
	taken, open atomic.Int64
	protocols   sync.Map
}

func count(t *testing.T, handler http.Handler, withTLS, http2 bool) *counting {
	t.Helper()
	c := &counting{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.protocols.Store(r.Proto, true)
		handler.ServeHTTP(w, r)
	}))
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			c.taken.Add(1)
			c.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			c.open.Add(-1)
		}
	}
	c.EnableHTTP2 = http2
	if withTLS {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

// Each attempt has a connection of its own, so that none meets a dead one or another call's answer.
func TestTransport_MakesAConnectionForEachAttempt(t *testing.T) {
	for name, test := range map[string]struct {
		tls, http2 bool
		protocol   string
	}{
		"HTTP/1.1": {false, false, "HTTP/1.1"}, "HTTP/1.1 over TLS": {true, false, "HTTP/1.1"}, "HTTP/2": {true, true, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1)%2 == 1 {
					w.WriteHeader(500)
					return
				}
				_, _ = io.WriteString(w, tokenJSON)
			})
			server := count(t, handler, test.tls, test.http2)
			client := defaultClient(t, server.URL, quickly())
			for range 3 {
				if _, err := client.GenerateToken(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			checkEqual(t, "requests", n.Load(), 6)
			checkEqual(t, "connections", server.taken.Load(), 6)
			if _, used := server.protocols.Load(test.protocol); !used {
				t.Errorf("it did not speak %s", test.protocol)
			}
			server.Close() // which waits until no connection is in use
			checkEqual(t, "connections that stayed open", server.open.Load(), 0)
		})
	}
}

func TestTransport_MakesAConnectionForEachOfManyCallsAtOnce(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			const calls = 16
			var arrived sync.WaitGroup
			arrived.Add(calls)
			var used sync.Map // the connections that requests came on, for one may be made and not be used
			server := count(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				used.Store(r.RemoteAddr, true)
				arrived.Done()
				arrived.Wait() // all are under way at one time
				_, _ = io.WriteString(w, tokenJSON)
			}), true, http2)
			client := defaultClient(t, server.URL)
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() {
					if _, err := client.GenerateToken(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			n := 0
			used.Range(func(any, any) bool { n++; return true })
			checkEqual(t, "connections in use", n, calls)
			checkEqual(t, "connections", server.taken.Load(), calls)
		})
	}
}

// A program may have replaced http.DefaultTransport before it made a client, so this takes a process of its own.
func TestTransport_LeavesADefaultThatWasReplacedAsItIs(t *testing.T) {
	const variable = "TEST_REPLACES_DEFAULT_TRANSPORT"
	if os.Getenv(variable) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	s := &script{answers: []answer{ok()}}
	http.DefaultTransport = s
	if _, err := withBearer(t, wrapper.StaticBearer(bearer)).GenerateToken(t.Context()); err != nil {
		t.Error(err)
	}
	checkEqual(t, "requests", len(s.seen()), 1)
}

// A gateway out of step answers the second request of a connection with what was another's.
func TestTransport_BringsNoAnswerOfAnotherCall(t *testing.T) {
	var printed bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&printed)
	var n atomic.Int64
	url := rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			own := fmt.Sprintf("%sms-requestid: %s\r\n", headOK, r.Header.Get("ms-requestid"))
			whole(own, tokenJSON)(conn)
			whole(headOK, fmt.Sprintf(`{"access_token":"canary-foreign-%d"}`, n.Add(1)))(conn) // and one more
		}
	})
	client := defaultClient(t, url)
	for range 50 {
		token, err := client.GenerateToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "token", token.AccessToken, "canary-access-token")
	}
	checkEqual(t, "what net/http printed", printed.String(), "")
}

// A kept-alive connection of a user's own client, which the far side has given up, is found out by the next request on it.
// net/http sends that one again by itself, for it is marked as one that may be, and no attempt is lost.
func TestTransport_LosesNoAttemptToAStaleConnection(t *testing.T) {
	var (
		mu      sync.Mutex
		arrived []http.Header
	)
	url := rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for first := true; ; first = false {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			arrived = append(arrived, r.Header)
			mu.Unlock()
			if !first {
				_ = conn.SetLinger(0) // no answer: the connection is gone
				return
			}
			whole(headOK, tokenJSON)(conn)
		}
	})
	client := newClient(t, url, once())
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(arrived) != 3 {
		t.Fatalf("%d requests arrived: %v", len(arrived), arrived)
	}
	checkEqual(t, "id of what was sent again", arrived[2].Get("Ms-Requestid"), arrived[1].Get("Ms-Requestid"))
	checkEqual(t, "the calls have the same id", arrived[0].Get("Ms-Requestid") == arrived[1].Get("Ms-Requestid"), false)
	for _, header := range arrived {
		if _, sent := header["Idempotency-Key"]; sent {
			t.Error("the mark was sent")
		}
	}
}

func TestTransport_HandshakeThatCannotSucceedIsNotTriedAgain(t *testing.T) {
	handler := &script{answers: []answer{ok()}}
	server := silently(t, handler, nil)
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	plain := httptest.NewServer(handler)
	t.Cleanup(plain.Close)
	overTLS := func(url string) string { return "https" + strings.TrimPrefix(url, "http") }
	tests := map[string]struct {
		url    string
		config *tls.Config
	}{
		"an unknown authority":           {server.URL, &tls.Config{}},
		"another host":                   {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), trusting},
		"a server whose protocol is old": {silently(t, handler, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}).URL, trusting},
		"a ServerHello that is too old":  {oldServerHello(t), trusting},
		"no TLS at all":                  {overTLS(plain.URL), trusting},
		"a failed VerifyConnection": {server.URL, with(trusting, func(c *tls.Config) {
			c.VerifyConnection = func(tls.ConnectionState) error { return errors.New("pinned") }
		})},
		"a VerifyConnection that could not ask": {server.URL, with(trusting, func(c *tls.Config) {
			c.VerifyConnection = func(tls.ConnectionState) error {
				return &url.Error{Op: "Get", URL: "https://ocsp", Err: errors.New("revoked")}
			}
		})},
		"a failed VerifyPeerCertificate":   {server.URL, with(trusting, func(c *tls.Config) { c.VerifyPeerCertificate = failedVerify })},
		"a client certificate, not to get": {silently(t, handler, &tls.Config{ClientAuth: tls.RequireAnyClientCert}).URL, trusting},
		"a client certificate that fails":  {silently(t, handler, &tls.Config{ClientAuth: tls.RequireAnyClientCert}).URL, with(trusting, func(c *tls.Config) { c.GetClientCertificate = noCertificate })},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantAttempts(t, test.url, test.config, 1)
		})
	}
	checkEqual(t, "requests that came through", len(handler.seen()), 0)
}

func failedVerify([][]byte, [][]*x509.Certificate) error { return errors.New("pinned") }

func noCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return nil, errors.New("the token with the key is not plugged in")
}

func with(config *tls.Config, change func(*tls.Config)) *tls.Config {
	config = config.Clone()
	change(config)
	return config
}

func wantAttempts(t *testing.T, url string, config *tls.Config, want int) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	client := newClient(t, url, quickly(), on(transport))
	_, err := client.GenerateToken(t.Context())
	e := asError(t, err)
	if e.Attempts != want {
		t.Errorf("%d attempts, want %d: %v", e.Attempts, want, err)
	}
	checkEqual(t, "status", e.StatusCode, 0)
	checkEqual(t, "retryable", e.Retryable(), want > 1)
	wantKind(t, err, wrapper.ErrUnavailable)
}

// A handshake that the network or a fault of the other side ended may go better next time.
func TestTransport_HandshakeThatMaySucceedIsTriedAgain(t *testing.T) {
	record := func(payload string) func(io.Writer) {
		return func(w io.Writer) {
			_, _ = w.(io.Reader).Read(make([]byte, 4096)) // the ClientHello
			_, _ = io.WriteString(w, payload)
		}
	}
	for name, answer := range map[string]func(io.Writer){
		"internal_error":        record("\x15\x03\x03\x00\x02\x02\x50"),
		"bad_record_mac":        record("\x15\x03\x03\x00\x02\x02\x14"),
		"closed":                record(""),
		"closed within a hello": record("\x16\x03\x03\x00\x40\x02\x00"),
	} {
		t.Run(name, func(t *testing.T) { wantAttempts(t, rawTLS(t, answer), &tls.Config{}, 4) })
	}
	t.Run("reset", func(t *testing.T) {
		url := rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
			_, _ = in.ReadByte()
			_ = conn.SetLinger(0)
		})
		wantAttempts(t, "https"+strings.TrimPrefix(url, "http"), &tls.Config{}, 4)
	})
	for alert, name := range map[byte]string{
		10: "unexpected_message", 22: "record_overflow", 40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
		44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied",
		50: "decode_error", 51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 86: "inappropriate_fallback",
		109: "missing_extension", 112: "unrecognized_name", 116: "certificate_required", 120: "no_application_protocol", 255: "unknown",
	} {
		t.Run("not "+name, func(t *testing.T) {
			wantAttempts(t, rawTLS(t, record("\x15\x03\x03\x00\x02\x02"+string([]byte{alert}))), &tls.Config{}, 1)
		})
	}
}

// rawTLS is a server that answers to the first bytes of a connection, which it does not read before, whatever they are.
func rawTLS(t *testing.T, answer func(io.Writer)) (url string) {
	t.Helper()
	return "https" + strings.TrimPrefix(rawServer(t, func(conn *net.TCPConn, _ *bufio.Reader) { answer(conn) }), "http")
}

// silentTLS is the rest of the URL of a server that takes connections and says nothing.
func silentTLS(t *testing.T) string {
	t.Helper()
	return strings.TrimPrefix(rawServer(t, func(conn *net.TCPConn, _ *bufio.Reader) { _, _ = io.Copy(io.Discard, conn) }), "http")
}

// oldServerHello is a server that takes whatever a client offers for TLS 1.1.
func oldServerHello(t *testing.T) (url string) {
	t.Helper()
	hello := append([]byte{3, 2}, make([]byte, 32)...) // the version, and a random number
	hello = append(hello, 0, 0xc0, 0x13, 0)            // no session, a cipher, no compression
	hello = append([]byte{2, 0, 0, byte(len(hello))}, hello...)
	record := append([]byte{0x16, 3, 2, 0, byte(len(hello))}, hello...)
	return rawTLS(t, func(w io.Writer) {
		_, _ = w.(io.Reader).Read(make([]byte, 4096))
		_, _ = w.Write(record)
		_, _ = io.Copy(io.Discard, w.(io.Reader))
	})
}
