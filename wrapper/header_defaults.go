package wrapper

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
)

// The headers of the endpoint beyond HTTP's own, in Go's canonical form so that setting them does not have to convert
// them ("Partner Center REST headers").
const (
	headerRequestID     = "Ms-Requestid"
	headerCorrelationID = "Ms-Correlationid"
	headerApplication   = "Ms-Partnercenter-Application"
)

// headerReplayable marks a request as one that the transport may send again by itself when a kept-alive connection turns
// out to be dead before any answer: the request id makes it idempotent. Without a value it marks and is not sent
// (the documentation of net/http.Transport).
const headerReplayable = "Idempotency-Key"

// defaultHeaders sets the headers that the caller of the generated client left unset. It runs once per call, before
// the first attempt, so that all attempts of a call carry the same ids: the request id is what makes a retry
// idempotent.
func defaultHeaders(cfg *config) gen.RequestEditorFn {
	// What is the same for all requests is made once.
	type header struct {
		key    string
		values []string
	}
	same := []header{
		{"Accept", []string{string(cfg.accept)}},
		{"User-Agent", []string{cfg.userAgent}},
		{headerReplayable, nil},
	}
	if cfg.application != "" {
		same = append(same, header{headerApplication, []string{cfg.application}})
	}
	return func(ctx context.Context, req *http.Request) error {
		for _, h := range same {
			if len(req.Header[h.key]) == 0 {
				req.Header[h.key] = h.values
			}
		}
		setDefaultID(ctx, req.Header, headerRequestID, requestIDKey{})
		setDefaultID(ctx, req.Header, headerCorrelationID, correlationIDKey{})
		return nil
	}
}

func setDefaultID(ctx context.Context, h http.Header, key string, contextKey any) {
	if len(h[key]) > 0 {
		return
	}
	id, _ := ctx.Value(contextKey).(uuid.UUID)
	if id == uuid.Nil {
		id = uuid.New()
	}
	h[key] = []string{id.String()}
}

type (
	requestIDKey     struct{}
	correlationIDKey struct{}
)

// ContextWithRequestID makes the calls under the returned context carry id as their ms-requestid instead of a new
// one. The service treats requests with one id as one request ("Partner Center REST headers"), so use it to repeat a
// call whose outcome got lost, and do not share the context between calls that are meant to be different. The zero
// UUID stands for a new id.
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
