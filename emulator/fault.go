package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is what one request meets instead of, or before, its answer. The zero value is no fault: the request is
// answered as usual.
type Fault struct {
	// Status is answered instead of the usual, from 300 to 599; 0 or 200 leaves the usual answer.
	Status int
	// Code is the error code of an answer with Status. Where it is empty, the answer has a code that is documented
	// for its status, or the status itself where none is.
	Code string
	// RetryAfter is sent as the answer's Retry-After, in seconds rounded up; 0 sends none.
	RetryAfter time.Duration
	// Delay is waited before the answer.
	Delay time.Duration
	// Body replaces the answer's body.
	Body Body
	// Truncate breaks the connection off in the middle of the answer's body.
	Truncate bool
	// Reset resets the connection instead of answering.
	Reset bool
}

// Body is what a [Fault] makes of the body of an answer. The zero value leaves it as it is.
type Body string

// The bodies that a fault can bring: what a gateway sends in place of the service.
const (
	BodyHTML  Body = "html"  // a page that names the status, as text/html
	BodyEmpty Body = "empty" // nothing, under the Content-Type of the answer
)

func (f Fault) check() error {
	switch {
	case f.Status != 0 && f.Status != http.StatusOK && (f.Status < 300 || f.Status > 599):
		return fmt.Errorf("status %d is neither 200 nor from 300 to 599", f.Status)
	case f.Delay < 0 || f.RetryAfter < 0:
		return errors.New("a time cannot be negative")
	case f.Body != "" && f.Body != BodyHTML && f.Body != BodyEmpty:
		return fmt.Errorf("body %q is neither %q nor %q", f.Body, BodyHTML, BodyEmpty)
	case f.Body == BodyEmpty && f.Truncate:
		return errors.New("an empty body cannot be truncated")
	case f.Reset && (f.Status != 0 || f.Code != "" || f.RetryAfter != 0 || f.Body != "" || f.Truncate):
		return errors.New("a reset comes in place of an answer, so it has no status and no body")
	case f.Code != "" && (f.Status == 0 || f.Status == http.StatusOK):
		return errors.New("a code needs the status of an error")
	}
	return nil
}

// reply is the answer of a fault with a status.
func (f Fault) reply() reply {
	return refuseWithCode(f.Status, f.Code, "the emulator was told to answer this")
}

// ParseFault reads a fault as people type it: parts joined by colons, in any order and each at most once. The parts are
// a status, "html" or "empty", "truncate", "reset", "delay=DURATION", "retry-after=SECONDS" and "code=CODE"; so "500",
// "429:retry-after=2", "html:502", "delay=3s" and "delay=1s:reset" are faults.
func ParseFault(spec string) (Fault, error) {
	var f Fault
	seen := map[string]bool{}
	for part := range strings.SplitSeq(spec, ":") {
		field, err := f.set(part)
		if err == nil && seen[field] {
			err = fmt.Errorf("it has more than one %s", field)
		}
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
		}
		seen[field] = true
	}
	if err := f.check(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
	}
	return f, nil
}

// set reads one part and returns the name of what it set.
func (f *Fault) set(part string) (field string, err error) {
	switch name, value, _ := strings.Cut(part, "="); {
	case part == "html", part == "empty":
		f.Body = Body(part)
		return "body", nil
	case part == "truncate":
		f.Truncate = true
		return part, nil
	case part == "reset":
		f.Reset = true
		return part, nil
	case name == "code" && value != "":
		f.Code = value
		return name, nil
	case name == "delay":
		if f.Delay, err = time.ParseDuration(value); err != nil {
			err = fmt.Errorf("delay wants a duration such as 3s, not %q", value)
		}
		return name, err
	case name == "retry-after":
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			err = fmt.Errorf("retry-after wants whole seconds, not %q", value)
		}
		f.RetryAfter = time.Duration(seconds) * time.Second
		return name, err
	}
	if f.Status, err = strconv.Atoi(part); err != nil {
		err = fmt.Errorf("%q is neither a status nor one of html, empty, truncate, reset, delay=3s, retry-after=2, code=900420", part)
	}
	return "status", err
}
