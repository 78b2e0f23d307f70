package wrapper

import (
	"net/http"
	"sync"
	"time"
)

// noRedirects returns a copy of c that hands every redirect back as the answer it is: the endpoint documents none, and
// the bearer must not reach another host.
func noRedirects(c *http.Client) *http.Client {
	copied := *c
	copied.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	copied.Transport = parsableLocation{c.Transport}
	return &copied
}

// parsableLocation removes a Location that is no URL, for which http.Client would turn the answer into an error.
type parsableLocation struct{ next http.RoundTripper }

func (t parsableLocation) RoundTrip(req *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err == nil && resp != nil {
		if _, unusable := resp.Location(); unusable != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// oneConnectionEach makes a connection for each round trip. An exchange comes once in most of an hour, longer than any
// server keeps a connection; and a kept one can be dead, or bring the surplus answer of another call, token included.
// [http.Transport.DisableKeepAlives] alone leaves a gap: over HTTP/2, calls that connect at the same moment can come to
// share a connection before it counts as used.
type oneConnectionEach struct{ model *http.Transport }

func (t oneConnectionEach) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.model.Clone().RoundTrip(req)
}

// defaultTransport is one for all clients. An http.DefaultTransport of another type is left as it is.
var defaultTransport = sync.OnceValue(func() http.RoundTripper {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	model := standard.Clone()
	model.DisableKeepAlives = true
	model.MaxResponseHeaderBytes = 256 << 10 // not 10 MiB: a broken server cannot exhaust memory
	model.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	return oneConnectionEach{model}
})
