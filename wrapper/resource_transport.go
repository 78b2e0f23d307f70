package wrapper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/partnercenter-go/generatetoken/gen"
)

// NewTransport returns a transport that adds s's token to requests to hosts, and to no others. Without hosts they are
// the partner API's own in the global cloud and in China. base nil stands for [http.DefaultTransport]. It is safe for
// concurrent use. It panics if s is nil or a host is not a name or address with or without a port.
//
// The token goes out over https alone, or to a loopback host. A host without a port stands for https's own port; a
// loopback host for any. Names are compared exactly, but for the case of ASCII letters. Any other request goes to base
// as it came, the next hop of a redirect included, and so does one that has an Authorization header already.
//
// A 401 drops the token ([TokenSource.Invalidate]), and costs one more try with a new one if the body can be sent again
// ([http.Request.GetBody]). The caller gets the answer to that, or the 401 itself if there was no second try. A 401 with
// code 900421 is handed on as it is: the sign-in lacked multi-factor authentication, and so would a new token.
//
// An error of the source comes back from [http.Client.Do] and is an [*Error] for [errors.As]. While the source keeps a
// distance from a service whose tokens are refused, requests wait until their contexts end.
func NewTransport(s *TokenSource, base http.RoundTripper, hosts ...string) http.RoundTripper {
	if s == nil {
		panic("wrapper: NewTransport(nil, …): pass the source that NewTokenSource returned")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	t := &resourceTransport{source: s, base: base, hosts: map[hostPort]bool{}}
	if len(hosts) == 0 {
		hosts = []string{strings.TrimPrefix(gen.ServerGlobal, "https://"), strings.TrimPrefix(gen.ServerChina, "https://")}
	}
	for _, host := range hosts {
		u, err := url.Parse("https://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" || strings.HasSuffix(host, ":") || strings.ContainsFunc(host, notInHost) {
			panic(fmt.Sprintf("wrapper: NewTransport: %q is no host; it has to look like api.partnercenter.microsoft.com or 127.0.0.1:8080", Redact(host)))
		}
		named := hostPort{strings.ToLower(u.Hostname()), u.Port()}
		if named.port == "" && !isLoopback(named.host) {
			named.port = "443"
		}
		t.hosts[named] = true
	}
	return t
}

type resourceTransport struct {
	source *TokenSource
	base   http.RoundTripper
	hosts  map[hostPort]bool
	header atomic.Pointer[authorization] // of the last token, made once
}

// hostPort is a host in lower case and a port, none for any.
type hostPort struct{ host, port string }

type authorization struct {
	token  *Token
	values []string
}

// notInHost reports whether no host has r. An international name has to be in its ASCII form, for Unicode has letters that
// are the same as ASCII's if case is ignored.
func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:[]", r)
}

// RoundTrip implements [http.RoundTripper].
func (t *resourceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if len(req.Header["Authorization"]) > 0 || !t.named(req.URL) {
		return t.base.RoundTrip(req)
	}
	token, err := t.source.Token(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	resp, err := t.base.RoundTrip(t.authorized(req, token))
	if !refused(req, resp, err) {
		return resp, err
	}
	t.source.Invalidate(token)
	if again, token := t.again(req); again != nil {
		_ = resp.Body.Close()
		if resp, err = t.base.RoundTrip(again); refused(req, resp, err) {
			t.source.Invalidate(token)
		}
	}
	return resp, err
}

// again returns the request for a second try and the token in it, or nil if there can be none.
func (t *resourceTransport) again(req *http.Request) (*http.Request, *Token) {
	hasBody := req.Body != nil && req.Body != http.NoBody
	if hasBody && req.GetBody == nil {
		return nil, nil
	}
	token, err := t.source.Token(req.Context())
	if err != nil {
		return nil, nil
	}
	again := t.authorized(req, token)
	if hasBody {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, nil
		}
	}
	return again, token
}

// named reports whether the token belongs in a request to u.
func (t *resourceTransport) named(u *url.URL) bool {
	name, port := strings.ToLower(u.Hostname()), u.Port()
	loopback := isLoopback(name)
	switch {
	case strings.ContainsFunc(u.Host, notInHost), u.Scheme != "https" && (u.Scheme != "http" || !loopback):
		return false
	case loopback && t.hosts[hostPort{name, ""}]:
		return true
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return t.hosts[hostPort{name, port}]
}

// authorized returns a copy of the request with the token in it.
func (t *resourceTransport) authorized(req *http.Request, token *Token) *http.Request {
	header := t.header.Load()
	if header == nil || header.token != token {
		header = &authorization{token, []string{bearerPrefix + token.AccessToken}}
		t.header.Store(header)
	}
	req = req.WithContext(req.Context())
	if req.Header = req.Header.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header["Authorization"] = header.values
	return req
}

// refused reports whether the answer is a 401 that another token may not get: any but code 900421. Its body can be read
// as if nobody had looked.
func refused(req *http.Request, resp *http.Response, err error) bool {
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	seen, _ := io.ReadAll(io.LimitReader(resp.Body, mostOfError)) // an error comes again for whoever reads on
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(seen), resp.Body), resp.Body}
	return !errors.Is((&answer{request: req, response: resp, content: seen}).refusal(), ErrMFARequired)
}

// CloseIdleConnections has [http.Client.CloseIdleConnections] reach the base.
func (t *resourceTransport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// Format has fmt leave the token alone.
func (t *resourceTransport) Format(f fmt.State, verb rune) { t.source.Format(f, verb) }
