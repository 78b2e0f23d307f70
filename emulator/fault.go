package emulator

import (
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

// Fault says what goes wrong with a request, and with which requests. The zero value meets one request and changes
// nothing. [ParseFault] and String give it a form to type, which is its JSON form too.
type Fault struct {
	// At chooses requests by where they arrive; empty is the endpoint. A fault with one of Entra's codes is at Entra.
	At Place
	// Status replaces the answer by one with this status, from 300 to 599; 0 and 200 leave the usual answer.
	Status int
	// Code is the error code of the answer with Status. Empty means a code that is documented for the status, or else the
	// status itself. One of Entra's codes, such as "AADSTS700082", needs no Status.
	Code string
	// RetryAfter is sent as the answer's Retry-After, in seconds rounded up; 0 sends none.
	RetryAfter time.Duration
	// RetryAfterDate sends RetryAfter as a date.
	RetryAfterDate bool
	// Location is where a redirect (a Status from 300 to 399) leads. Empty means the URL of the request: a circle.
	Location string
	// ContentType replaces the answer's Content-Type.
	ContentType string
	// Body replaces the answer's body.
	Body Body
	// Delay is the wait before the answer's headers.
	Delay time.Duration
	// BytesPerSecond is the speed of the answer's body; 0 means no limit.
	BytesPerSecond int
	// Truncate ends the connection in the middle of the answer's body.
	Truncate bool
	// Reset resets the connection instead of answering.
	Reset bool
	// ResetAfterHeaders resets the connection between the answer's headers and its body.
	ResetAfterHeaders bool

	// Times is how many requests meet the fault. 0 means one, or with Every or Probability no limit.
	Times int
	// Every chooses each nth request since the fault was set; 1 is each one.
	Every int
	// Probability is the chance, from 0 to 1, that a request meets the fault. [WithSeed] makes it repeatable.
	Probability float64
}

// Body replaces the body of an answer. The zero value leaves it as it is.
type Body string

// The bodies that a fault can bring.
const (
	BodyHTML      Body = "html"      // a gateway's page that names the status, as text/html
	BodyEmpty     Body = "empty"     // nothing, under the Content-Type of the answer
	BodyMalformed Body = "malformed" // the first half of the answer's, sent as if it were whole
	BodyHuge      Body = "huge"      // the answer's, after 16 MiB of white space
)

// Place is where requests arrive.
type Place string

// The places that have faults of their own.
const (
	AtEndpoint Place = ""         // /v3/generatetoken and /generatetoken
	AtEntra    Place = "entra"    // the token endpoint of [WithEntra]
	AtResource Place = "resource" // /_emulator/resource
)

// Place returns where the requests arrive that meet the fault: At, or Entra for one of its codes.
func (f Fault) Place() Place {
	if f.entraCode() {
		return AtEntra
	}
	return f.At
}

const entraPrefix = "AADSTS"

func (f Fault) entraCode() bool { return strings.HasPrefix(f.Code, entraPrefix) }

// refuses reports whether the fault replaces the answer.
func (f Fault) refuses() bool { return f.Status != 0 && f.Status != http.StatusOK || f.entraCode() }

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
	case f.At != AtEndpoint && f.At != AtEntra && f.At != AtResource:
		return fmt.Errorf("place %q is none of %q", f.At, []Place{AtEndpoint, AtEntra, AtResource})
	case f.entraCode() && (f.At == AtResource || f.Status == http.StatusOK):
		return fmt.Errorf("%s is a refusal of Entra's", f.Code)
	case f.Code != "" && !f.refuses():
		return errors.New("a code needs the status of an error")
	case strings.Contains(f.Code, ":"):
		return fmt.Errorf("code %q has a colon", f.Code)
	}
	if number, ok := strings.CutPrefix(f.Code, entraPrefix); ok {
		if _, err := strconv.ParseUint(number, 10, 31); err != nil {
			return fmt.Errorf("code %q: after %s there has to be a number", f.Code, entraPrefix)
		}
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

// answers reports whether the fault shapes an answer.
func (f Fault) answers() bool {
	return f.Status != 0 || f.Code != "" || f.RetryAfter != 0 || f.Location != "" || f.ContentType != "" || f.Body != "" ||
		f.BytesPerSecond != 0 || f.Truncate || f.ResetAfterHeaders
}

// reply is the answer of a fault with a status.
func (f Fault) reply() reply {
	return refuseWithCode(f.Status, f.Code, "the emulator was told to answer this")
}

// seconds is a time in whole seconds, rounded up: a Retry-After that is too short would be a lie.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
