package wrapper_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// network is two real servers, with and without TLS, that stand for every host: ports 80 and 8080 lead to the one
// without. They redirect as they are told, and keep where each request went and whether it brought the token.
type network struct {
	base      *http.Transport
	status    int
	redirects []string

	mu    sync.Mutex
	went  []string
	token []bool
}

func newNetwork(t *testing.T, http2 bool) *network {
	n := &network{}
	secure := httptest.NewUnstartedServer(n)
	secure.EnableHTTP2 = http2
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(n)
	t.Cleanup(plain.Close)
	n.base = &http.Transport{
		ForceAttemptHTTP2: http2,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it stands for every host
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			server := secure
			if strings.HasSuffix(address, ":80") || strings.HasSuffix(address, ":8080") {
				server = plain
			}
			return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		},
	}
	t.Cleanup(n.base.CloseIdleConnections)
	return n
}

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https/" + r.Proto[5:]
	}
	n.went = append(n.went, scheme+" "+r.Host)
	n.token = append(n.token, strings.Contains(fmt.Sprint(r.Header), issued))
	if hop := len(n.went); hop <= len(n.redirects) {
		w.Header().Set("Location", n.redirects[hop-1])
		w.WriteHeader(n.status)
	}
}

var protocols = map[string]bool{"HTTP1": false, "HTTP2": true}

func TestTransport_AddsTheTokenForNamedHostsAlone(t *testing.T) {
	const api = "api.partnercenter.microsoft.com"
	tests := []struct {
		hosts, url string // hosts are separated by spaces
		token      bool
	}{
		{"", "https://" + api + "/v1/customers?size=40", true},
		{"", "https://" + api + ":443/", true},
		{"", "https://partner.partnercenterapi.microsoftonline.cn/", true},
		{"", "http://" + api + "/", false},
		{"", "https://" + api + ":8443/", false},
		{"", "https://" + api + ".evil.example/", false},
		{"", "https://evil-" + api + "/", false},
		{"", "https://evil.example/" + api, false},
		{"", "https://evil.example?" + api, false},
		{"", "https://evil.example#@" + api, false},
		{"", "https://" + api + "@evil.example/", false},
		{"", "https://" + api + "%2f@evil.example/", false},
		{"", "https://" + api + ":443@evil.example/", false},
		{"", "https://" + api + "./", false},
		{"", "https://API.PartnerCenter.Microsoft.COM/", true},
		{"", "https://partnercenter.microsoft.com/", false},
		{"", "https://127.0.0.1/", false},
		{"", "http://localhost/", false},
		{"b.example", "https://" + api + "/", false}, // named hosts replace the partner API's own
		{"a.example b.example", "https://b.example/", true},
		{"a.example:8443", "https://a.example:8443/", true},
		{"a.example:8443", "https://a.example/", false},
		{"a.example:443", "https://a.example/", true},
		{"a.example:8080", "http://a.example:8080/", false},
		{"A.Example", "https://a.example/", true},
		{"a.example.", "https://a.example./", true},
		{"a.example.", "https://a.example/", false},
		{"kiosk.example", "https://kios\u212a.example/", false}, // Kelvin sign: its lower case is k
		{"kiosk.example", "https://kio\u017fk.example/", false}, // long s: its upper case is S
		{"i.example", "https://\u0130.example/", false},         // dotted I: its lower case is i
		{"xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example/", true},
		{"xn--mnchen-3ya.example", "https://m\u00fcnchen.example/", false},
		{"192.0.2.1", "https://192.0.2.1/", true},
		{"192.0.2.1", "http://192.0.2.1/", false},
		{"127.0.0.1", "http://127.0.0.1/", true}, // loopback: http, too, and any port
		{"127.0.0.1", "http://127.0.0.1:8080/", true},
		{"127.0.0.1", "https://127.0.0.1:8443/", true},
		{"127.0.0.1:8080", "http://127.0.0.1:8080/", true},
		{"127.0.0.1:8080", "http://127.0.0.1/", false},
		{"127.0.0.1:8080", "https://127.0.0.1:8443/", false},
		{"127.0.0.1:80", "http://127.0.0.1/", true},
		{"127.0.0.1:80", "https://127.0.0.1/", false},
		{"127.0.0.1:443", "http://127.0.0.1/", false},
		{"127.0.0.1", "http://localhost/", false},
		{"localhost", "http://LOCALHOST:8080/", true},
		{"localhost", "http://localhost.evil.example/", false},
		{"[::1]", "http://[::1]:8080/", true},
		{"[::1]:8080", "http://[::1]:8080/", true},
		{"[::1]:8080", "http://[::1]/", false},
	}
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, http2)
			for _, test := range tests {
				if u, err := url.Parse(test.url); http2 && (err != nil || strings.ContainsFunc(u.Host, isNotASCII)) {
					continue // net/http dials for ever: it looks for the connection under another form of the name
				}
				t.Run(test.hosts+" "+test.url, func(t *testing.T) {
					n.went, n.token = nil, nil
					transport := wrapper.NewTransport(source(t, &issuer{}), n.base, strings.Fields(test.hosts)...)
					resp, err := (&http.Client{Transport: transport}).Get(test.url)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					if want := []bool{test.token}; !slices.Equal(n.token, want) {
						t.Errorf("%v: with the token %v, want %v", n.went, n.token, want)
					}
				})
			}
		})
	}
}

// Who is reached is the URL's host, and whom that hands the request to is the Host header's.
func TestTransport_GoesByTheHostHeaderAsWell(t *testing.T) {
	tests := map[string]struct {
		url, host string
		token     bool
	}{
		"another name for another host": {"https://evil.example/", "a.example", false},
		"another host behind the named": {"https://a.example/", "evil.example", false},
		"another port behind the named": {"https://a.example/", "a.example:8443", false},
		"the same":                      {"https://a.example/", "a.example", true},
		"the same, written otherwise":   {"https://a.example/", "A.example:443", true},
		"both are named":                {"https://a.example/", "b.example", true},
		"none":                          {"https://a.example/", "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, true)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = test.host
			resp, err := wrapper.NewTransport(source(t, &issuer{}), n.base, "a.example", "b.example").RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if want := []bool{test.token}; !slices.Equal(n.token, want) {
				t.Errorf("%v: with the token %v, want %v", n.went, n.token, want)
			}
		})
	}
}

func TestNewTransport_PanicsWithoutASourceOrForWhatIsNoHost(t *testing.T) {
	for _, host := range []string{
		"", " ", ".", "https://a.example", "//a.example", "a.example/", "a.example/v1", "a.example?x", "a.example#x", "a b.example",
		"user:canary-password@a.example", "https://user:canary-password@a.example", "a.example:", ":443", "a.example:https", "a.example:99999", "a.example:-1", "a.example:443:443",
		"*.example", ".example", "a..example", "::1", "[::1", "[::1]x", "m\u00fcnchen.example", "\u212aiosk.example", "a.example\n", "a%2eexample",
	} {
		t.Run(strings.ReplaceAll(host, "canary", "a"), func(t *testing.T) {
			said := panicOf(func() { wrapper.NewTransport(source(t, &issuer{}), nil, "good.example", host) })
			if !strings.Contains(said, "is no host") || strings.Contains(said, "canary") {
				t.Errorf("got %q", said)
			}
		})
	}
	if said := panicOf(func() { wrapper.NewTransport(nil, nil) }); !strings.Contains(said, "NewTokenSource") {
		t.Errorf("without a source: %q", said)
	}
}

func panicOf(f func()) (said string) {
	defer func() {
		if reason := recover(); reason != nil {
			said = fmt.Sprint(reason)
		}
	}()
	f()
	return ""
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }
