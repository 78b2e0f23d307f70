package wrapper

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/partnercenter-go/generatetoken/gen"
)

// NewTransport returns a transport that adds s's token to requests to hosts, and to no others. Without hosts they are
// the partner API's own in the global cloud and in China. base nil stands for [http.DefaultTransport]. It is safe for
// concurrent use. It panics if s is nil or a host is not a name or address with or without a port.
//
// The token goes out over https alone, or to a loopback host. A host without a port stands for https's own port; a
// loopback host for any. Names are compared exactly, but for the case of ASCII letters: the URL's, and the Host header's
// if it differs. Any other request goes to base as it came, also after a redirect, and so does one with an Authorization.
//
// A 401 drops the token ([TokenSource.Invalidate]), and the request is sent once more with a new one if its body can be
// ([http.Request.GetBody]). If not, the caller gets the 401, and so with code 900421, which drops nothing: the sign-in
// lacked multi-factor authentication, and so would a new token. Errors of the source are [*Error]s for [errors.As]. While
// it keeps a distance from a service whose tokens are refused, requests wait until their contexts end.
func NewTransport(s *TokenSource, base http.RoundTripper, hosts ...string) http.RoundTripper {
	if s == nil {
		panic("wrapper: NewTransport(nil, …): pass the source that NewTokenSource returned")
	}
	t := &resourceTransport{source: s, base: cmp.Or(base, http.DefaultTransport), hosts: map[address]bool{}}
	if len(hosts) == 0 {
		hosts = []string{strings.TrimPrefix(gen.ServerGlobal, "https://"), strings.TrimPrefix(gen.ServerChina, "https://")}
	}
	for _, host := range hosts {
		const ascii = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"
		named := addressOf("https", host)
		u, err := url.Parse("https://" + host)
		_, noPort := strconv.ParseUint(named.port, 10, 16)
		if err != nil || noPort != nil || named.host == "" || strings.HasSuffix(host, ":") ||
			strings.Contains("."+host, "..") || strings.Trim(host, ascii) != "" {
			panic(fmt.Sprintf("wrapper: NewTransport: %q is no host; it has to look like api.partnercenter.microsoft.com or 127.0.0.1:8080",
				Redact(host[strings.LastIndexByte(host, '@')+1:])))
		}
		if u.Port() == "" && isLoopback(named.host) {
			named.port = ""
		}
		t.hosts[named] = true
	}
	return t
}

type resourceTransport struct {
	source *TokenSource
	base   http.RoundTripper
	hosts  map[address]bool
	header atomic.Pointer[string] // of the last token, made once
}

type address struct{ host, port string } // in lower case; an empty port is any

var defaultPort = map[string]string{"http": "80", "https": "443"}

func addressOf(scheme, host string) address {
	u := url.URL{Host: strings.ToLower(host)}
	return address{u.Hostname(), cmp.Or(u.Port(), defaultPort[scheme])}
}

// named reports whether the token belongs in requests to host. A host that is shorter in lower case has letters of
// Unicode that become ASCII's.
func (t *resourceTransport) named(scheme, host string) bool {
	a := addressOf(scheme, host)
	return (t.hosts[a] || t.hosts[address{host: a.host}]) && len(strings.ToLower(host)) == len(host) &&
		(scheme == "https" || scheme == "http" && isLoopback(a.host))
}

func (t *resourceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	// A front end may go by Host, and hand the request to somebody else than its URL says.
	if u := req.URL; u == nil || len(req.Header["Authorization"]) > 0 || !t.named(u.Scheme, u.Host) ||
		req.Host != "" && req.Host != u.Host && !t.named(u.Scheme, req.Host) {
		return t.base.RoundTrip(req)
	}
	token, err := t.source.Token(req.Context())
	if err != nil {
		_ = cmp.Or[io.ReadCloser](req.Body, http.NoBody).Close()
		return nil, err
	}
	resp, refused, err := t.send(req, req.Body, token)
	if !refused || req.GetBody == nil && req.Body != nil && req.Body != http.NoBody {
		return resp, err
	}
	body := req.Body
	token, failed := t.source.Token(req.Context())
	if failed == nil && body != nil && req.GetBody != nil {
		body, failed = req.GetBody()
	}
	if failed == nil {
		_ = resp.Body.Close()
		resp, _, err = t.send(req, body, token)
	}
	return resp, err
}

// send sends a copy of req with the token. After a 401 with another code than 900421 it drops the token and reports that
// it was refused.
func (t *resourceTransport) send(req *http.Request, body io.ReadCloser, token *Token) (resp *http.Response, refused bool, err error) {
	value := t.header.Load()
	if value == nil || strings.TrimPrefix(*value, bearerPrefix) != token.AccessToken {
		value = new(bearerPrefix + token.AccessToken)
		t.header.Store(value)
	}
	own := &struct { // one allocation
		request http.Request
		target  url.URL
		value   [1]string
	}{*req, *req.URL, [1]string{*value}}
	own.request.URL, own.request.Body, own.request.Header = &own.target, body, make(http.Header, len(req.Header)+1)
	maps.Copy(own.request.Header, req.Header)
	own.request.Header["Authorization"] = own.value[:]
	if resp, err = t.base.RoundTrip(&own.request); resp != nil {
		resp.Request = req // whoever prints it shows no token
	}
	if err != nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, false, err
	}
	rest := cmp.Or[io.ReadCloser](resp.Body, http.NoBody)
	seen, _ := io.ReadAll(io.LimitReader(rest, mostOfError)) // an error comes again for whoever reads on
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(seen), rest), rest}
	a := &answer{request: req, response: resp, content: seen} // reading what it says costs much; few have the code
	if refused = !bytes.Contains(seen, []byte(codeMFA)) || !a.failure().Is(ErrMFARequired); refused {
		t.source.Invalidate(token)
	}
	return resp, refused, nil
}

// CloseIdleConnections has [http.Client.CloseIdleConnections] reach the base.
func (t *resourceTransport) CloseIdleConnections() {
	(&http.Client{Transport: t.base}).CloseIdleConnections()
}

// Format has fmt leave the token alone.
func (t *resourceTransport) Format(f fmt.State, verb rune) { t.source.Format(f, verb) }
