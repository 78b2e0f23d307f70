package emulator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elnormous/contenttype"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
)

const (
	headerRequestID     = "Ms-Requestid"
	headerCorrelationID = "Ms-Correlationid"
)

// source is what errors name as theirs, so that nobody takes one for the real service's.
const source = "emulator"

// reply is an answer before it has a media type.
type reply struct {
	status      int
	body        any    // gen.AccessToken or gen.Error
	contentType string // empty for what the request asks for
	header      http.Header
}

const unauthorized = "800001" // the one of the codes for 401 that says nothing of why

// documentedCodes are the error codes that the documentation has for a status ("Partner Center REST error codes").
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

func (r reply) with(header, value string) reply {
	r.header.Set(header, value)
	return r
}

// validation is how kin-openapi checks requests and replies.
var validation = func() *openapi3filter.Options {
	options := &openapi3filter.Options{
		AuthenticationFunc: checkBearer,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			// The library knows no format uuid of its own.
			openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(uuid.Validate)),
		},
	}
	// Its own message goes over many lines and repeats the schema.
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return fmt.Sprintf("at %q: %s", "/"+strings.Join(err.JSONPointer(), "/"), err.Reason)
	})
	return options
}()

func checkBearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if bearer(in.RequestValidationInput.Request) == "" {
		return errors.New("the request has no bearer: Authorization has to be \"Bearer\" and a token")
	}
	return nil
}

// route finds the operation that a request is for. The contract's paths have no parameters, and its servers are not
// where the emulator listens, so this needs no router.
func (e *Emulator) route(r *http.Request) *routers.Route {
	route := &routers.Route{Spec: e.contract.T, Path: r.URL.Path, Method: r.Method, PathItem: e.contract.Paths.Value(r.URL.Path)}
	if route.PathItem != nil {
		route.Operation = route.PathItem.Operations()[r.Method]
	}
	return route
}

// reply checks a request against the contract and answers it.
func (e *Emulator) reply(r *http.Request, body []byte, requestID string) reply {
	route := e.route(r)
	if route.PathItem == nil {
		return refuse(http.StatusNotFound, fmt.Sprintf("there is nothing at %q", r.URL.Path))
	}
	if route.Operation == nil {
		return refuse(http.StatusMethodNotAllowed, fmt.Sprintf("%q does not take %s", r.URL.Path, r.Method)).
			with("Allow", strings.Join(slices.Sorted(maps.Keys(route.PathItem.Operations())), ", "))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, Route: route, Options: validation,
	})
	var noBearer *openapi3filter.SecurityRequirementsError
	contentType, taken := r.Header.Get("Content-Type"), route.Operation.RequestBody.Value.Content
	_, acceptable := mediaType(r, route)
	tenant, code, problem := e.judge(r)
	now := e.now()
	switch {
	case errors.As(err, &noBearer):
		return refuse(http.StatusUnauthorized, errors.Join(noBearer.Errors...).Error()).with("WWW-Authenticate", "Bearer")
	case problem != "":
		return refuseWithCode(http.StatusUnauthorized, code, problem).with("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	if wait := e.count(tenant, now); wait > 0 {
		return throttled(wait)
	}
	switch {
	case r.Header.Get("Accept") == "":
		return refuse(http.StatusBadRequest, "the Accept header is required")
	case !acceptable:
		return refuse(http.StatusNotAcceptable, fmt.Sprintf("Accept is %q, which allows none of %q",
			r.Header.Get("Accept"), offered(route)))
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
	return e.tokens.token(bearer, requestID, now)
}

// offered returns the media types that an operation answers in. JSON comes first by the alphabet, as it should: it is
// what a request that allows several gets.
func offered(route *routers.Route) []string {
	return slices.Sorted(maps.Keys(route.Operation.Responses.Status(http.StatusOK).Value.Content))
}

// mediaType negotiates the media type of an answer. Where there is none to agree on, it is JSON.
func mediaType(r *http.Request, route *routers.Route) (string, bool) {
	const fallback = "application/json"
	if route.Operation == nil {
		return fallback, false
	}
	var available []contenttype.MediaType
	for _, name := range offered(route) {
		available = append(available, contenttype.NewMediaType(name))
	}
	agreed, _, err := contenttype.GetAcceptableMediaType(r, available)
	if err != nil {
		return fallback, false
	}
	return agreed.MIME(), true
}
