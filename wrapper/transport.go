package wrapper

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// roundTrip sends an attempt as [http.Client.Do] does, but for redirects, which come back as the answers they are: the
// endpoint documents none, and the bearer must not reach another host.
func roundTrip(c *http.Client, req *http.Request) (*http.Response, error) {
	if c.Jar != nil {
		for _, cookie := range c.Jar.Cookies(req.URL) {
			req.AddCookie(cookie)
		}
	}
	resp, err := cmp.Or(c.Transport, http.DefaultTransport).RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither an answer nor an error")
	}
	if err != nil {
		return nil, &url.Error{Op: req.Method, URL: req.URL.String(), Err: err}
	}
	if c.Jar != nil {
		c.Jar.SetCookies(req.URL, resp.Cookies())
	}
	resp.Body = cmp.Or[io.ReadCloser](resp.Body, http.NoBody)
	return resp, nil
}

// oneConnectionEach makes a connection for each round trip. An exchange comes once in most of an hour, longer than any
// server keeps a connection; and a kept one can be dead, or bring the surplus answer of another call, token included.
// With DisableKeepAlives alone, calls that connect at the same moment over HTTP/2 can share a connection.
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
