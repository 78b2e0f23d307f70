package wrapper

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
)

// failure returns the Error of an answer with what is known of every one: who sent what, and how often.
func (a *answer) failure() *Error {
	e := &Error{Attempts: a.attempts, Err: a.err, china: strings.HasPrefix(a.request.URL.String(), gen.ServerChina)}
	e.RequestID, e.CorrelationID = a.id(headerRequestID), a.id(headerCorrelationID)
	if a.response != nil {
		e.StatusCode, e.RetryAfter = a.response.StatusCode, a.retryAfter()
	}
	return e
}

// noToken returns the Error of a success without a token. It repeats nothing of the body, which may be one.
func (a *answer) noToken() *Error {
	e := a.failure()
	e.Err = cmp.Or(e.Err, errNoToken)
	e.Description = fmt.Sprintf("the body is %d bytes of %q", len(a.content), a.clean(a.header("Content-Type"), 64))
	return e
}

// refusal returns the Error of an answer that is no success, by its body itself, for a gateway's Content-Type is as often
// wrong as right: the documented error, in JSON or XML, the {"statusCode", "message"} of a gateway ("API throttling
// guidance"), an error of OAuth, or something else, of which the beginning is kept as the description.
func (a *answer) refusal() *Error {
	e, body := a.failure(), a.text()
	switch {
	case bytes.HasPrefix(body, []byte("{")):
		a.decodeJSON(e, body)
	case bytes.HasPrefix(body, []byte("<")):
		a.decodeXML(e, body)
	}
	if e.Code != "" || e.Description != "" {
		return e
	}
	switch shown := a.clean(string(body), 200); {
	case shown == "":
		e.Description = a.clean(a.header("WWW-Authenticate"), 1024)
	case holdsToken(string(body)):
		e.Description = "the body may hold a token and is not shown"
	default:
		e.Description = shown
	}
	return e
}

// What is kept of each field: more than the documented lengths, in bytes.
const (
	mostOfCode        = 256
	mostOfDescription = 4 << 10
)

// decodeJSON takes what it can: a member of another type than documented leaves its field empty and no other.
func (a *answer) decodeJSON(e *Error, body []byte) {
	var documented struct {
		Code, Error                  any // a string by the documentation, a number as well in practice
		Description, Source, Message string
		OAuth                        string `json:"error_description"`
		Data                         []any
	}
	_ = json.Unmarshal(body, &documented)
	if inner, ok := documented.Error.(map[string]any); ok { // {"error": {"code": …, "message": …}}
		documented.Code = cmp.Or(documented.Code, inner["code"])
		message, _ := inner["message"].(string)
		documented.Message = cmp.Or(documented.Message, message)
	}
	e.Code = cmp.Or(a.code(documented.Code), a.code(documented.Error))
	e.Description = a.clean(cmp.Or(documented.Description, documented.OAuth, documented.Message), mostOfDescription)
	e.Source = a.clean(documented.Source, mostOfCode)
	left := mostValues
	e.Data, _ = redactValue(documented.Data, &left, bearerOf(a.request)).([]any)
}

func (a *answer) code(v any) string {
	switch v.(type) {
	case string, float64:
		return a.clean(fmt.Sprint(v), mostOfCode)
	}
	return ""
}

func (a *answer) decodeXML(e *Error, body []byte) {
	var documented struct {
		gen.Error
		Data []string `xml:"data"` // the page does not say what one is
	}
	_ = unmarshalXML(body, &documented)
	e.Code, e.Source = a.clean(documented.Code, mostOfCode), a.clean(documented.Source, mostOfCode)
	e.Description = a.clean(documented.Description, mostOfDescription)
	for _, text := range documented.Data[:min(len(documented.Data), mostValues)] {
		e.Data = append(e.Data, a.clean(text, 1<<10))
	}
}

// clean returns a text of the answer as it may be shown.
func (a *answer) clean(text string, most int, secrets ...string) string {
	return redact(text, most, append(secrets, bearerOf(a.request))...)
}

// id returns an id of the call: the service's word for it, or else what was sent.
func (a *answer) id(header string, secrets ...string) string {
	switch reported := a.header(header); {
	case uuid.Validate(reported) == nil:
		return reported
	case reported != "":
		return a.clean(reported, 128, secrets...)
	}
	return a.request.Header.Get(header)
}

// outcome says in a few words what came of an attempt.
func (a *answer) outcome() string {
	if a.response == nil {
		return a.err.Error()
	}
	return statusText(a.response.StatusCode)
}
