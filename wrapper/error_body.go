package wrapper

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
)

// failure returns the Error of an answer that brought no token.
func (a *answer) failure() *Error {
	e := &Error{
		StatusCode: a.response.StatusCode, RequestID: a.id(headerRequestID), CorrelationID: a.id(headerCorrelationID),
		RetryAfter: a.retryAfter(), Attempts: a.attempts, Err: a.err,
		china: strings.HasPrefix(a.request.URL.String(), gen.ServerChina),
	}
	switch s := e.StatusCode; {
	case s >= 200 && s < 300: // the body may be a token, also where the status is not documented, so nothing of it is shown
		e.Err = cmp.Or(e.Err, errNoToken)
		e.Description = fmt.Sprintf("the body is %d bytes of %q", len(a.content), a.clean(a.response.Header.Get("Content-Type"), 64))
	case s != 0:
		a.explain(e)
	}
	return e
}

// What is kept of each field: more than the documented lengths, in bytes.
const (
	mostOfCode        = 256
	mostOfDescription = 4 << 10
)

// explain takes what it can from the body: the documented error, in JSON or XML, the {"statusCode", "message"} of a gateway
// ("API throttling guidance"), an error of OAuth, or something else, of which the beginning is kept as the description.
// A member of another type than documented leaves its field empty and no other.
func (a *answer) explain(e *Error) {
	var said struct {
		Code, Error any      // a string by the documentation, a number as well in practice
		CodeXML     string   `json:"-" xml:"code"`
		Description string   `xml:"description"`
		Source      string   `xml:"source"`
		Data        []any    `xml:"-"`
		DataXML     []string `json:"-" xml:"data"` // the page does not say what one is
		Message     string
		OAuth       string `json:"error_description" xml:"-"`
	}
	_ = a.decode(&said)
	if inner, ok := said.Error.(map[string]any); ok { // {"error": {"code": …, "message": …}}
		said.Code = cmp.Or(said.Code, inner["code"])
		message, _ := inner["message"].(string)
		said.Message = cmp.Or(said.Message, message)
	}
	e.Code = a.clean(cmp.Or(codeText(said.Code), codeText(said.Error), said.CodeXML), mostOfCode)
	e.Description = a.clean(cmp.Or(said.Description, said.OAuth, said.Message), mostOfDescription)
	e.Source = a.clean(said.Source, mostOfCode)
	for _, text := range said.DataXML {
		said.Data = append(said.Data, text)
	}
	if left := mostValues; len(said.Data) > 0 {
		e.Data, _ = redactValue(said.Data, &left, bearerOf(a.request)).([]any)
	}
	if e.Code != "" || e.Description != "" {
		return
	}
	body := string(a.content)
	switch e.Description = a.clean(body, 200); {
	case e.Description == "":
		e.Description = a.clean(a.response.Header.Get("WWW-Authenticate"), 1024)
	case holdsToken(body):
		e.Description = "the body may hold a token and is not shown"
	}
}

// codeText returns a code that is a string or a number, and nothing for any other value.
func codeText(v any) string {
	switch v.(type) {
	case string, float64:
		return fmt.Sprint(v)
	}
	return ""
}

// clean returns a text of the answer as it may be shown.
func (a *answer) clean(text string, most int, secrets ...string) string {
	return redact(text, most, append(secrets, bearerOf(a.request))...)
}

// id returns an id of the call: the service's word for it, or else what was sent.
func (a *answer) id(name string, secrets ...string) string {
	id := cmp.Or(a.response.Header.Get(name), a.request.Header.Get(name))
	if uuid.Validate(id) == nil {
		return id // as nearly always; cleaning it would take longer than all else
	}
	return a.clean(id, 128, secrets...)
}

// outcome says in a few words what came of an attempt.
func (a *answer) outcome() string {
	if a.response == none {
		return a.err.Error()
	}
	return statusText(a.response.StatusCode)
}
