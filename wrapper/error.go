package wrapper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Error is why a call brought no token. It keeps what the service said whatever form the answer had, and never holds
// the bearer or a token. Compare it with the Err… variables by [errors.Is], or read it by [errors.As].
type Error struct {
	// StatusCode is the answer's HTTP status; 0 when no answer came, and Err says why.
	StatusCode int
	// Code is the service's error code, such as "900420", whether it came as a string or a number ("Partner Center
	// REST error codes"). It is empty when the answer held none.
	Code string
	// Description is the service's or a gateway's explanation. When the body was neither's, it is how the body began.
	Description string
	// Source is where the service says the error arose. It is empty when the answer held none.
	Source string
	// Data is what further details the answer held, decoded like any JSON value; the texts of the elements if it was
	// XML. It is nil when there were none.
	Data []any
	// RequestID and CorrelationID identify the call in the service's logs: what the service reported, or else what was
	// sent. Support asks for them.
	RequestID, CorrelationID string
	// RetryAfter is how long the service asked to wait before the next call; 0 when it did not ask.
	RetryAfter time.Duration
	// Attempts is how many times the request was sent; 0 when the call failed before that.
	Attempts int
	// Err is the reason when no answer came or its body was not usable, and nil otherwise. A call whose context ended
	// has context.Canceled or context.DeadlineExceeded in it.
	Err error
}

// What an [*Error] can be compared with by [errors.Is]. Each stands for the statuses that it names and no other, so at
// most one of them matches. What the documented statuses mean is from "Authentication - Generate access token".
var (
	// ErrBadRequest is status 400: input is missing or invalid.
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized is status 401: the bearer is not accepted.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is status 403: the caller lacks the rights.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound is status 404: nothing is there or available for the input.
	ErrNotFound = errors.New("not found")
	// ErrThrottled is status 429: too many requests of the partner's tenant ("API throttling guidance").
	ErrThrottled = errors.New("throttled")
	// ErrServer is status 500, the other statuses over it that ErrUnavailable is not, and a 2xx without a token: the
	// service failed.
	ErrServer = errors.New("server error")
	// ErrUnavailable is status 408, 502, 503 or 504, or no answer to a call that was sent and not cancelled: the
	// service was not reached, or not in time.
	ErrUnavailable = errors.New("service unavailable")
)

// Is implements the comparison of [errors.Is] with the Err… variables.
func (e *Error) Is(target error) bool {
	kind := e.kind()
	return kind != nil && target == kind
}

func (e *Error) kind() error {
	switch s := e.StatusCode; {
	case s == 0 && e.Attempts > 0 && !errors.Is(e.Err, context.Canceled):
		return ErrUnavailable
	case s == http.StatusBadRequest:
		return ErrBadRequest
	case s == http.StatusUnauthorized:
		return ErrUnauthorized
	case s == http.StatusForbidden:
		return ErrForbidden
	case s == http.StatusNotFound:
		return ErrNotFound
	case s == http.StatusTooManyRequests:
		return ErrThrottled
	case s == http.StatusRequestTimeout, s == http.StatusBadGateway, s == http.StatusServiceUnavailable,
		s == http.StatusGatewayTimeout:
		return ErrUnavailable
	case s >= 500, s >= 200 && s < 300:
		return ErrServer
	}
	return nil
}

// Retryable tells whether the same call may succeed later, once RetryAfter has passed: it does for [ErrThrottled],
// [ErrServer] and [ErrUnavailable], except for status 501 and a TLS handshake that the two sides cannot agree on.
func (e *Error) Retryable() bool {
	switch e.kind() {
	case ErrThrottled, ErrServer, ErrUnavailable:
		return e.StatusCode != http.StatusNotImplemented && (e.StatusCode != 0 || transient(e.Err))
	}
	return false
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Error says in one line what happened, to which call, and what to do next where that is known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("generate token: ")
	if e.StatusCode != 0 {
		b.WriteString(statusText(e.StatusCode))
		if e.Code != "" {
			fmt.Fprintf(&b, ", code %s", clip(e.Code, 64))
		}
		if e.Source != "" {
			fmt.Fprintf(&b, " from %s", clip(e.Source, 64))
		}
		if e.Description != "" {
			fmt.Fprintf(&b, ": %s", strings.TrimRight(clip(e.Description, 1024), ". "))
		}
	}
	if e.Err != nil {
		if e.StatusCode != 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.RequestID != "" || e.CorrelationID != "" {
		fmt.Fprintf(&b, " (request id %s, correlation id %s, attempts %d", clip(e.RequestID, 64), clip(e.CorrelationID, 64), e.Attempts)
		if e.RetryAfter > 0 {
			fmt.Fprintf(&b, ", retry after %s", e.RetryAfter.Round(time.Second))
		}
		b.WriteString(")")
	}
	if advice := e.advice(); advice != "" {
		b.WriteString("; " + advice)
	}
	return oneLine(b.String())
}

const askEntra = "ask Entra for a token of scope https://api.partnercenter.microsoft.com/.default"

// advice is what to do next, where that is known.
func (e *Error) advice() string {
	switch {
	case e.Code == codeAudience:
		return "the bearer is for another audience: " + askEntra
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return "redirects are not followed: check the base URL"
	case e.StatusCode == 0 && e.Attempts > 0 && !transient(e.Err) && e.kind() == ErrUnavailable:
		return "check the base URL, the certificates that this machine trusts, and its clock"
	}
	switch e.kind() {
	case ErrBadRequest:
		return "the same request would be refused again"
	case ErrUnauthorized:
		return "the bearer was not accepted: " + askEntra
	case ErrForbidden:
		return "the application or user lacks the rights for this in Partner Center"
	case ErrNotFound:
		return "check the base URL: " + gen.ServerGlobal + ", or " + gen.ServerChina + " for China"
	case ErrThrottled:
		return "wait before the next call: immediate retries count against the quota"
	case ErrServer:
		return "try again later; if it goes on, give both ids to Microsoft's support"
	case ErrUnavailable:
		return "try again later; if it goes on, check the network between here and the service"
	}
	return ""
}

// codeAudience is what the service answers to a bearer with an audience that it does not take, in practice one that
// still names https://graph.windows.net ("Partner Center REST error codes").
const codeAudience = "900420"

func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// oneLine replaces every run of white space and unprintable characters by a space and what is no UTF-8 by its sign, so
// that what a server says can neither break a log's line nor move a terminal's cursor.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, string(unicode.ReplacementChar))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// clip cuts what a server said down to a length, in bytes, that fits on a line. The documented lengths all do.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// noAnswer is the error of a call that no usable answer came to after so many attempts.
func noAnswer(req *http.Request, attempts int, err error) *Error {
	if ended := req.Context().Err(); ended != nil && !errors.Is(err, ended) {
		// Whoever ended the context may have given it another cause, which is what net/http reports.
		err = fmt.Errorf("%w: %w", ended, err)
	}
	e := &Error{Attempts: attempts, Err: err}
	e.RequestID, e.CorrelationID = callIDs(req, nil)
	return e
}

// refusal is the error of an answer other than 200.
func refusal(resp *http.Response) *Error {
	a := resp.Body.(*answer)
	e := &Error{StatusCode: resp.StatusCode, RetryAfter: retryAfter(resp.Header), Attempts: a.attempts, Err: a.err}
	e.RequestID, e.CorrelationID = callIDs(resp.Request, resp.Header)
	// A server that repeats the bearer in what it says must not bring it into an error.
	bearer := strings.TrimPrefix(resp.Request.Header.Get("Authorization"), bearerPrefix)
	e.decode(withoutSecret(a.content, bearer))
	return e
}

// noToken is the error of an answer 200 that holds no token. Nothing of the body is repeated: it may be one that does
// not decode.
func noToken(resp *http.Response) *Error {
	a := resp.Body.(*answer)
	e := &Error{StatusCode: resp.StatusCode, Attempts: a.attempts, Err: cmp.Or(a.err, errNoToken)}
	e.RequestID, e.CorrelationID = callIDs(resp.Request, resp.Header)
	e.Description = fmt.Sprintf("the body is %d bytes of %q", len(a.content), resp.Header.Get("Content-Type"))
	return e
}

// callIDs returns the ids of a call: the service's word for them in the answer's header, or else what was sent.
func callIDs(req *http.Request, h http.Header) (requestID, correlationID string) {
	return cmp.Or(h.Get(headerRequestID), req.Header.Get(headerRequestID)),
		cmp.Or(h.Get(headerCorrelationID), req.Header.Get(headerCorrelationID))
}
