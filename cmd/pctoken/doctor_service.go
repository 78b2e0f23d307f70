package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// tooFar is how far the clock may be off before tokens are refused for it.
const tooFar = 5 * time.Minute

// service looks at whether the service can be reached, over which TLS, and what time it has.
func (e *examination) service(ctx context.Context, baseURL string) {
	// The client's own judgement first: it refuses URLs that can be reached, such as http to another machine.
	_, err := wrapper.NewClient(wrapper.StaticBearer(""), wrapper.WithBaseURL(baseURL))
	if err != nil {
		e.wrong("give --url another one, or leave it out", "the base URL is not one to call: %v", inFlags(err))
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL, nil)
	if err != nil {
		e.wrong("give --url another one, or leave it out", "the base URL is not one to call: %v", err)
		return
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	asked := time.Now()
	resp, err := client.Do(req)
	problem, fix, distrusted := untrusted(req.URL.Host, err)
	switch {
	case distrusted:
		e.wrong(fix, "%s", problem)
		return
	case errors.Is(err, context.DeadlineExceeded):
		e.wrong("give it more time, or check the network between here and "+req.URL.Host, "nothing came from %s within --timeout", req.URL.Host)
		return
	case err != nil:
		e.wrong("check the base URL, the name service, the proxy and the firewall", "%s cannot be reached: %v", req.URL.Host, errors.Unwrap(err))
		return
	}
	_ = resp.Body.Close()
	over := "plain http"
	if resp.TLS != nil {
		over = tls.VersionName(resp.TLS.Version)
	}
	e.fine("%s answers over %s", req.URL.Host, over)

	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		e.unknown("the service does not say what time it has")
		return
	}
	// The header was written between the two readings of this clock, and has whole seconds.
	off := asked.Add(time.Since(asked) / 2).Sub(theirs).Round(time.Second)
	if off.Abs() > tooFar {
		e.wrong("set the clock of this machine, best by NTP", "the clock of this machine is %s off the service's", off.Abs())
		return
	}
	e.fine("the clock of this machine agrees with the service's")
}
