package wrapper

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/google/uuid"
)

// The headers with a call's ids, in Go's canonical form ("Partner Center REST headers").
const (
	headerRequestID     = "Ms-Requestid"
	headerCorrelationID = "Ms-Correlationid"
)

// defaultHeaders returns the headers that all calls of a client have, before its options change them.
func defaultHeaders() http.Header {
	return http.Header{
		"Accept":          {string(MediaTypeJSON)},
		"Accept-Encoding": {"identity"}, // so that net/http does not decompress without a bound
		"User-Agent":      {defaultUserAgent()},
		// It lets the transport send a request again when a kept connection turns out to be dead before any answer: the
		// request id makes it idempotent. Without a value it is not sent itself (the documentation of net/http.Transport).
		"Idempotency-Key": nil,
	}
}

// setHeaders sets the headers that the caller of the generated client left unset, once per call: the request id is what
// makes a retry idempotent.
func (c *Client) setHeaders(ctx context.Context, h http.Header) {
	for key, values := range c.request.Header {
		if len(h[key]) == 0 {
			h[key] = values
		}
	}
	setID(ctx, h, headerRequestID, requestIDKey{})
	setID(ctx, h, headerCorrelationID, correlationIDKey{})
}

// setID gives a header that is unset the id that ctx has under key, or a new one.
func setID(ctx context.Context, h http.Header, header string, key any) {
	if len(h[header]) > 0 {
		return
	}
	id, _ := ctx.Value(key).(uuid.UUID)
	if id == uuid.Nil {
		id = uuid.New()
	}
	h[header] = []string{id.String()}
}

type (
	requestIDKey     struct{}
	correlationIDKey struct{}
)

// ContextWithRequestID makes the calls under the returned context carry id as their ms-requestid instead of a new one;
// the zero UUID stands for a new one. The service treats requests with one id as one request ("Partner Center REST
// headers"), so use it to repeat a call whose outcome got lost, and not for calls that are meant to be different.
func ContextWithRequestID(ctx context.Context, id uuid.UUID) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// ContextWithCorrelationID makes the calls under the returned context carry id as their ms-correlationid instead of a
// new one, to trace them together with something of the caller's. The zero UUID stands for a new id.
func ContextWithCorrelationID(ctx context.Context, id uuid.UUID) context.Context {
	return context.WithValue(ctx, correlationIDKey{}, id)
}

// defaultUserAgent names the module and the version of it that the program was built with.
var defaultUserAgent = sync.OnceValue(func() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == "github.com/partnercenter-go/generatetoken" && m.Version != "" {
				version = m.Version
			}
		}
	}
	return "partnercenter-go-generatetoken/" + version
})
