package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/partnercenter-go/generatetoken/gen"
)

const (
	headerRequestID     = "Ms-Requestid"
	headerCorrelationID = "Ms-Correlationid"
)

// source is the source of the emulator's errors, so that nobody takes one for the real service's.
const source = "emulator"

// reply is an answer before it is encoded.
type reply struct {
	status      int
	body        any    // gen.AccessToken or gen.Error
	contentType string // empty for what the request accepts
	header      http.Header
}

// Error codes for 401 ("Partner Center REST error codes"; the last as partners report Microsoft's announcement of it).
const (
	unauthorized = "800001" // the one that does not say why
	codeAudience = "900420" // the bearer's audience is not accepted
	codeMFA      = "900421" // an app+user bearer has no MFA
)

// documentedCodes are the error codes that the same page has for a status.
var documentedCodes = map[int]string{
	http.StatusBadRequest:          "800002",
	http.StatusUnauthorized:        unauthorized,
	http.StatusForbidden:           "2032",
	http.StatusInternalServerError: "800003",
}

func refuse(status int, description string) reply {
	return refuseWithCode(status, "", description)
}

// refuseWithCode is refuse with an error code of its own, unless it is empty.
func refuseWithCode(status int, code, description string) reply {
	const longest = 1024 // by the contract
	if runes := []rune(description); len(runes) > longest {
		description = string(runes[:longest-1]) + "…"
	}
	return reply{status: status, header: http.Header{}, body: gen.Error{
		Code:        cmp.Or(code, documentedCodes[status], strconv.Itoa(status)),
		Description: description,
		Source:      source,
	}}
}

// refuseBearer is the 401 for a bearer that was sent.
func refuseBearer(code, description string) reply {
	return refuseWithCode(http.StatusUnauthorized, code, description).with("WWW-Authenticate", `Bearer error="invalid_token"`)
}

func (r reply) with(header, value string) reply {
	r.header.Set(header, value)
	return r
}

// reply answers a request by the contract.
func (e *Emulator) reply(m match, r *http.Request, body []byte, requestID string) reply {
	if m.PathItem == nil {
		return refuse(http.StatusNotFound, fmt.Sprintf("there is nothing at %q", r.URL.Path))
	}
	if m.Operation == nil {
		return refuse(http.StatusMethodNotAllowed, fmt.Sprintf("%q does not take %s", r.URL.Path, r.Method)).
			with("Allow", strings.Join(slices.Sorted(maps.Keys(m.PathItem.Operations())), ", "))
	}
	err := m.checkRequest(r, body)
	if _, ok := errors.AsType[*openapi3filter.SecurityRequirementsError](err); ok {
		return refuse(http.StatusUnauthorized, noBearer).with("WWW-Authenticate", "Bearer")
	}
	tenant, code, problem := e.judge(r)
	if problem != "" {
		return refuseBearer(code, problem)
	}
	now := e.now()
	if wait := e.count(tenant, now); wait > 0 {
		return throttled(wait)
	}
	contentType, taken := r.Header.Get("Content-Type"), m.Operation.RequestBody.Value.Content
	switch {
	case r.Header.Get("Accept") == "":
		return refuse(http.StatusBadRequest, "the Accept header is required")
	case !m.acceptable:
		return refuse(http.StatusNotAcceptable, fmt.Sprintf("Accept is %q, which allows none of %q",
			r.Header.Get("Accept"), m.offered()))
	case len(body) > 0 && taken.Get(contentType) == nil:
		return refuse(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type is %q, none of %q",
			contentType, slices.Sorted(maps.Keys(taken))))
	case err != nil:
		return refuse(http.StatusBadRequest, err.Error())
	}
	return reply{status: http.StatusOK, body: e.token(bearer(r), requestID, now), header: http.Header{"Cache-Control": {"no-store"}}}
}

func (e *Emulator) count(tenant string, now time.Time) (wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.quota.take(tenant, now)
}

func (e *Emulator) token(bearer, requestID string, now time.Time) gen.AccessToken {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tokens.give(bearer, requestID, now)
}
