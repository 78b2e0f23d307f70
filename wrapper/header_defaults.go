package wrapper

import (
	"context"
	"net/http"
	"runtime/debug"
	"strings"
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
	values := make([]string, 0, 2)
	for _, id := range [...]struct {
		header string
		key    any
	}{{headerRequestID, requestIDKey{}}, {headerCorrelationID, correlationIDKey{}}} {
		if len(h[id.header]) > 0 {
			continue
		}
		value, _ := ctx.Value(id.key).(uuid.UUID)
		if value == uuid.Nil {
			value = uuid.New()
		}
		values = append(values, value.String())
		h[id.header] = values[len(values)-1 : len(values) : len(values)]
	}
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
	const module = "github.com/partnercenter-go/generatetoken"
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == module && m.Version != "" {
				version = m.Version
			}
		}
	}
	return "partnercenter-go-generatetoken/" + version
})

// isHeaderName reports whether name can be the name of a header: a token of RFC 9110.
func isHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// hasControl reports whether a header's value holds what cannot be sent in one.
func hasControl(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
