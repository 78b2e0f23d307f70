package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Fault is what a request meets instead of, or before, its answer, and which requests meet it. The zero value meets one
// request and does nothing to it. [ParseFault] and String give it a form to type, which is its JSON form too.
type Fault struct {
	// Status is answered instead of the usual, from 300 to 599; 0 or 200 leaves the usual answer.
	Status int
	// Code is the error code of an answer with Status. Where it is empty, the answer has a code that is documented
	// for its status, or the status itself where none is.
	Code string
	// RetryAfter is sent as the answer's Retry-After, in seconds rounded up; 0 sends none.
	RetryAfter time.Duration
	// RetryAfterDate sends RetryAfter as the date that it comes to.
	RetryAfterDate bool
	// Location is where a redirect (a Status from 300 to 399) leads. Where it is empty, that is the URL of the request:
	// a circle.
	Location string
	// ContentType replaces the answer's.
	ContentType string
	// Body replaces the answer's body.
	Body Body
	// Delay is waited before the answer's headers.
	Delay time.Duration
	// BytesPerSecond is how fast the answer's body comes; 0 is as fast as can be.
	BytesPerSecond int
	// Truncate breaks the connection off in the middle of the answer's body.
	Truncate bool
	// Reset resets the connection instead of answering.
	Reset bool
	// ResetAfterHeaders resets the connection between the answer's headers and its body.
	ResetAfterHeaders bool

	// Times is how many requests meet the fault. 0 means one or, where Every or Probability choose the requests, no end.
	Times int
	// Every makes each nth request meet the fault, counted from when the fault was set; 1 is each one.
	Every int
	// Probability makes a request meet the fault with this chance, from 0 to 1. What falls how is settled by the seed of
	// [WithSeed].
	Probability float64
}

// Body is what a [Fault] makes of the body of an answer. The zero value leaves it as it is.
type Body string

// The bodies that a fault can bring.
const (
	BodyHTML      Body = "html"      // a gateway's page that names the status, as text/html
	BodyEmpty     Body = "empty"     // nothing, under the Content-Type of the answer
	BodyMalformed Body = "malformed" // the first half of the answer's, sent as if it were whole
	BodyHuge      Body = "huge"      // the answer's, after 16 MiB of white space
)

func (f Fault) check() error {
	redirect := f.Status >= 300 && f.Status <= 399
	switch {
	case f.Status != 0 && f.Status != http.StatusOK && (f.Status < 300 || f.Status > 599):
		return fmt.Errorf("status %d is neither 200 nor from 300 to 599", f.Status)
	case f.Delay < 0 || f.RetryAfter < 0:
		return errors.New("a time cannot be negative")
	case f.BytesPerSecond < 0 || f.Times < 0 || f.Every < 0:
		return errors.New("a number cannot be negative")
	case !(f.Probability >= 0 && f.Probability <= 1): // so that NaN is refused too
		return fmt.Errorf("probability %v is not from 0 to 1", f.Probability)
	case f.Every > 0 && f.Probability > 0:
		return errors.New("every and probability both choose the requests: give one of them")
	case f.Body != "" && f.Body != BodyHTML && f.Body != BodyEmpty && f.Body != BodyMalformed && f.Body != BodyHuge:
		return fmt.Errorf("body %q is none of %q", f.Body, []Body{BodyHTML, BodyEmpty, BodyMalformed, BodyHuge})
	case f.Body == BodyEmpty && (f.Truncate || f.BytesPerSecond > 0):
		return errors.New("an empty body can neither be truncated nor be slow")
	case f.Truncate && f.ResetAfterHeaders:
		return errors.New("truncate and reset-after-headers both end the body: give one of them")
	case f.Reset && f.answers():
		return errors.New("a reset comes in place of an answer, so it has no status, no header and no body")
	case f.RetryAfterDate && f.RetryAfter == 0:
		return errors.New("the date of Retry-After needs the time that it is ahead")
	case f.Location != "" && !redirect:
		return errors.New("a location needs the status of a redirect, such as 307")
	case f.Code != "" && (f.Status == 0 || f.Status == http.StatusOK):
		return errors.New("a code needs the status of an error")
	case strings.Contains(f.Code, ":"):
		return fmt.Errorf("code %q has a colon", f.Code)
	}
	if _, err := url.Parse(f.Location); err != nil {
		return fmt.Errorf("location: %w", err)
	}
	if f.ContentType != "" {
		if _, _, err := mime.ParseMediaType(f.ContentType); err != nil {
			return fmt.Errorf("content-type %q: %w", f.ContentType, err)
		}
	}
	return nil
}

// answers tells whether the fault shapes an answer.
func (f Fault) answers() bool {
	return f.Status != 0 || f.Code != "" || f.RetryAfter != 0 || f.Location != "" || f.ContentType != "" || f.Body != "" ||
		f.BytesPerSecond != 0 || f.Truncate || f.ResetAfterHeaders
}

// reply is the answer of a fault with a status.
func (f Fault) reply() reply {
	return refuseWithCode(f.Status, f.Code, "the emulator was told to answer this")
}

// ParseFault reads a fault as people type it: parts joined by colons, in any order and each at most once.
//
//	500  429  307              the status
//	code=900420                the error code
//	retry-after=2              Retry-After in seconds
//	retry-after-date=2         Retry-After as the date that is so many seconds ahead
//	location=URL               where a redirect leads; the last part, for a URL has colons
//	content-type=text/plain    another Content-Type
//	html empty malformed huge  another body
//	delay=3s                   a wait before the headers
//	slow=1000                  the body's bytes per second
//	truncate                   a connection that ends within the body
//	reset reset-after-headers  a connection that is reset
//	times=3                    for the next 3 requests
//	every=10                   for each tenth request
//	probability=0.05           for one request in twenty, by chance
//
// So "500", "429:retry-after=2:times=3", "html:502", "delay=1s:reset" and "500:probability=0.05" are faults.
func ParseFault(spec string) (Fault, error) {
	var f Fault
	seen := map[string]bool{}
	parts, location, redirect := strings.Cut(":"+spec, ":location=")
	if redirect {
		f.Location = location
		parts += ":location="
		if location == "" {
			return Fault{}, fmt.Errorf("fault %q: location wants a URL", spec)
		}
	}
	for part := range strings.SplitSeq(parts[1:], ":") {
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
	name, value, valued := strings.Cut(part, "=")
	switch part {
	case "html", "empty", "malformed", "huge":
		f.Body = Body(part)
		return "body", nil
	case "truncate":
		f.Truncate = true
		return name, nil
	case "reset":
		f.Reset = true
		return name, nil
	case "reset-after-headers":
		f.ResetAfterHeaders = true
		return name, nil
	case "location=": // ParseFault has read it
		return "location", nil
	}
	switch {
	case name == "code" && value != "":
		f.Code = value
	case name == "content-type" && value != "":
		f.ContentType = value
	case name == "delay":
		if f.Delay, err = time.ParseDuration(value); err != nil || f.Delay == 0 {
			err = fmt.Errorf("delay wants a duration above 0, such as 3s, not %q", value)
		}
	case name == "retry-after", name == "retry-after-date":
		var seconds int
		seconds, err = number(name, value)
		f.RetryAfter, f.RetryAfterDate = time.Duration(seconds)*time.Second, name == "retry-after-date"
		return "retry-after", err
	case name == "slow":
		f.BytesPerSecond, err = number(name, value)
	case name == "times":
		f.Times, err = number(name, value)
	case name == "every":
		f.Every, err = number(name, value)
	case name == "probability":
		if f.Probability, err = strconv.ParseFloat(value, 64); err != nil || f.Probability == 0 {
			err = fmt.Errorf("probability wants a number above 0 and at most 1, not %q", value)
		}
	default:
		name = "status"
		if f.Status, err = strconv.Atoi(part); err != nil || valued || f.Status == 0 {
			err = fmt.Errorf("%q is neither a status nor another part of a fault, such as html, truncate, delay=3s or times=2", part)
		}
	}
	return name, err
}

// number reads a whole number above zero: zero is what leaving the part out means.
func number(name, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s wants a whole number above 0, not %q", name, value)
	}
	return int(n), nil
}

// String returns the fault as [ParseFault] reads it.
func (f Fault) String() string {
	var parts []string
	add := func(given bool, format string, value any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	flag := func(given bool, name string) { add(given, "%s", name) }
	retryAfter := "retry-after=%d"
	if f.RetryAfterDate {
		retryAfter = "retry-after-date=%d"
	}
	add(f.Status != 0, "%d", f.Status)
	flag(f.Body != "", string(f.Body))
	add(f.Code != "", "code=%s", f.Code)
	add(f.RetryAfter != 0, retryAfter, seconds(f.RetryAfter))
	add(f.ContentType != "", "content-type=%s", f.ContentType)
	add(f.Delay != 0, "delay=%s", f.Delay)
	add(f.BytesPerSecond != 0, "slow=%d", f.BytesPerSecond)
	flag(f.Truncate, "truncate")
	flag(f.Reset, "reset")
	flag(f.ResetAfterHeaders, "reset-after-headers")
	add(f.Times != 0, "times=%d", f.Times)
	add(f.Every != 0, "every=%d", f.Every)
	add(f.Probability != 0, "probability=%v", f.Probability)
	add(f.Location != "", "location=%s", f.Location)
	return cmp.Or(strings.Join(parts, ":"), "200") // what does nothing has to be written too
}

// seconds is a time in whole seconds, rounded up: a Retry-After that is too short would be a lie.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// MarshalText returns String's form, for JSON.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is [ParseFault].
func (f *Fault) UnmarshalText(text []byte) error {
	parsed, err := ParseFault(string(text))
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}
