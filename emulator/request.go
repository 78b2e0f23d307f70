package emulator

import (
	"net/http"
	"strings"
	"time"
)

// Request is a request as it arrived, without its bearer.
type Request struct {
	// Time is when it arrived.
	Time time.Time
	// Method and Path are of the request line.
	Method, Path string
	// Header holds every header; of Authorization, the scheme alone.
	Header http.Header
	// Body is the body as it was sent, up to 1 MiB of it.
	Body string
}

func newRequest(r *http.Request, body []byte) Request {
	header := r.Header.Clone()
	for i, value := range header["Authorization"] {
		scheme, _, _ := strings.Cut(value, " ")
		if scheme == value {
			scheme = "" // no scheme: the value is the secret
		}
		header["Authorization"][i] = strings.TrimSpace(scheme + " REDACTED")
	}
	return Request{Time: time.Now(), Method: r.Method, Path: r.URL.Path, Header: header, Body: string(body)}
}
