package wrapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

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
	// has context.Canceled or context.DeadlineExceeded in it. [errors.Is] and [errors.As] find what it was made of; its
	// text has been cleaned.
	Err error

	china bool // the call went to China's service: its scope is another
}

// What an [*Error] can be compared with by [errors.Is]. At most one of them matches, but for ErrMFARequired. What the
// documented statuses mean is from "Authentication - Generate access token".
var (
	// ErrBadRequest is status 400: input is missing or invalid.
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized is status 401: the client has to authenticate with the partner API service first.
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
	// ErrUnavailable is status 408, 502, 503 or 504, no answer to a call that was not cancelled, or a temporary failure to
	// get the bearer: the service or Entra was not reached, or not in time.
	ErrUnavailable = errors.New("service unavailable")
	// ErrMFARequired is status 401 with code 900421, and matches together with ErrUnauthorized: the app+user bearer's
	// sign-in lacked multi-factor authentication (Microsoft's partner announcements on MFA, as partners report them).
	ErrMFARequired = errors.New("multi-factor authentication required")
)

// Is implements the comparison of [errors.Is] with the Err… variables.
func (e *Error) Is(target error) bool {
	if target == ErrMFARequired {
		return e.StatusCode == http.StatusUnauthorized && e.Code == codeMFA
	}
	return target != nil && target == e.kind()
}

// kinds are the statuses that mean the same from any server.
var kinds = map[int]error{
	400: ErrBadRequest, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 429: ErrThrottled,
	408: ErrUnavailable, 502: ErrUnavailable, 503: ErrUnavailable, 504: ErrUnavailable,
}

func (e *Error) kind() error {
	switch s := e.StatusCode; {
	case s == 0 && !errors.Is(e.Err, context.Canceled) && (e.Attempts > 0 || temporary(e.Err)):
		return ErrUnavailable
	case kinds[s] == nil && (s >= 500 || s >= 200 && s < 300):
		return ErrServer
	}
	return kinds[e.StatusCode]
}

// Retryable reports whether the same call may succeed later, once RetryAfter has passed: it may after [ErrThrottled],
// [ErrServer] and [ErrUnavailable], except for status 501 and for a TLS handshake that the two sides cannot agree on.
func (e *Error) Retryable() bool {
	return slices.Contains([]error{ErrThrottled, ErrServer, ErrUnavailable}, e.kind()) &&
		e.StatusCode != http.StatusNotImplemented && (e.StatusCode != 0 || e.Attempts == 0 || transient(e.Err))
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Error says in one line what happened, to which call, and what to do next where that is known.
func (e *Error) Error() string {
	text := "generate token"
	if e.StatusCode != 0 {
		text += ": " + statusText(e.StatusCode) + behind(", code ", clip(e.Code, 64)) + behind(" from ", clip(e.Source, 64)) +
			behind(": ", strings.TrimRight(clip(e.Description, 1024), ". "))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.RequestID != "" || e.CorrelationID != "" {
		text += fmt.Sprintf(" (request id %s, correlation id %s, attempts %d", clip(e.RequestID, 64), clip(e.CorrelationID, 64), e.Attempts)
		if e.RetryAfter > 0 {
			text += fmt.Sprintf(", retry after %s", e.RetryAfter.Round(time.Second))
		}
		text += ")"
	}
	return text + behind("; ", e.advice())
}

// behind returns text behind its label, or nothing if there is no text.
func behind(label, text string) string {
	if text == "" {
		return ""
	}
	return label + text
}

// codeMFA is the answer to an app+user bearer without MFA.
const codeMFA = "900421"

// nextSteps are what to do next, where the kind of an error is all that is known.
var nextSteps = map[error]string{
	ErrBadRequest:  "the same request would be refused again",
	ErrForbidden:   "the application or user lacks the rights for this in Partner Center",
	ErrNotFound:    "check the base URL: " + gen.ServerGlobal + ", or " + gen.ServerChina + " for China",
	ErrThrottled:   "wait before the next call: immediate retries count against the quota",
	ErrServer:      "try again later; if it goes on, give both ids to Microsoft's support",
	ErrUnavailable: "try again later; if it goes on, check the network between here and the service",
}

// advice is what to do next, where that is known.
func (e *Error) advice() string {
	askEntra := "ask Entra for a token of scope " + gen.ServerGlobal + "/.default"
	if e.china {
		askEntra = "ask Entra for a token of scope " + gen.ServerChina + "/.default"
	}
	kind := e.kind()
	switch {
	case errors.Is(e, ErrMFARequired):
		return "the sign-in lacked multi-factor authentication: sign in again with it (pctoken login), a new token of the same sign-in would lack it too"
	case e.Code == "900420": // in practice it still names https://graph.windows.net ("Partner Center REST error codes")
		return "the bearer is for another audience: " + askEntra
	case e.Code == "900316": // seen where this endpoint's token is sent to a resource that wants the Entra token
		return "the token is not of the kind that is wanted here: send the Entra token, not one of this endpoint; " + askEntra
	case kind == ErrUnauthorized:
		return "the bearer was not accepted: " + askEntra
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return "redirects are not followed: check the base URL"
	case e.StatusCode != 0 || kind == nil:
		return nextSteps[kind]
	case e.Attempts > 0 && !transient(e.Err):
		return "check the base URL, the certificates that this machine trusts, and its clock"
	case e.Attempts == 0 && errors.Is(e.Err, context.DeadlineExceeded): // the caller's: no other is left in it
		return ""
	case e.Attempts == 0 && !errors.Is(e.Err, os.ErrDeadlineExceeded):
		return "try again later; if it goes on, check the network between here and Entra"
	}
	return nextSteps[kind]
}

func statusText(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// cleanError returns err without secrets, and with the end of the call's context in it if that has ended: whoever ended
// it may have given it another cause, or closed what was being read. If it has not, a limit of the bearer or the
// http.Client must not look as if it had.
func cleanError(req *http.Request, err error) error {
	switch ended := req.Context().Err(); {
	case ended != nil && !errors.Is(err, ended):
		err = fmt.Errorf("%w: %w", ended, err)
	case ended == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		err = fmt.Errorf("%v: %w", err, os.ErrDeadlineExceeded)
	}
	return RedactError(err, bearerOf(req))
}
