package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// signInError says in a few lines why there is no bearer, and what to do. azidentity says it in many, x/oauth2 in one.
type signInError struct {
	cause    error
	why      string // a clause
	fixes    []fix  // one of them is enough; the first is the one to begin with
	answered string // what Entra said, if it did
	verbose  bool
}

// fix is a step, and the way to sign in that it makes work; the name is empty if all of them fail for the same reason.
type fix struct{ name, step string }

const bringBearer = "bring a bearer: --bearer-file FILE (- for standard input) or " + bearerVariable

func (e signInError) Unwrap() error { return e.cause }

func (e signInError) Error() string {
	var b strings.Builder
	b.WriteString("there is no bearer: " + e.why)
	switch {
	case len(e.fixes) > 1:
		b.WriteString("; first, " + e.fixes[0].step + ". Tried, and what would make each work:")
	case len(e.fixes) == 1 && e.fixes[0].name == "":
		b.WriteString("; " + e.fixes[0].step + ".")
	default:
		b.WriteString(".")
	}
	for _, f := range e.fixes {
		if f.name != "" {
			fmt.Fprintf(&b, "\n  %-28s %s", f.name, f.step)
		}
	}
	if e.answered != "" {
		b.WriteString("\n  Entra answered: " + e.answered)
	}
	b.WriteString("\nOr " + bringBearer + ".")
	if e.verbose {
		b.WriteString("\n" + wrapper.Redact(e.cause.Error()))
	} else {
		b.WriteString(" More with --verbose.")
	}
	return b.String()
}

// problem returns what Error says as one problem and its fix.
func (e signInError) problem() (problem, fix string) {
	problem = "there is no bearer: " + e.why
	if e.answered != "" {
		problem += "; Entra answered: " + e.answered
	}
	if e.verbose {
		problem += ": " + e.cause.Error()
	}
	for _, f := range e.fixes {
		fix += f.step + "; or "
	}
	return problem, fix + bringBearer
}

// outOfTime is the end of the time that --timeout allows.
type outOfTime struct {
	cause error
	what  string
	host  string // whom it was spent on; "" if that is not known
}

func (e outOfTime) Unwrap() error { return e.cause }

// Is has the error keep its exit code where a library has hidden the end of the context.
func (outOfTime) Is(target error) bool { return target == context.DeadlineExceeded }

func (e outOfTime) Error() string {
	problem, fix := e.problem()
	return problem + "; " + fix
}

func (e outOfTime) problem() (problem, fix string) {
	fix = "give it more time"
	if e.host != "" {
		fix += ", or check the network between here and " + e.host
	}
	return e.what, fix
}

// notSignedIn returns the error of a sign-in that failed for err. Where Entra refused it, or nothing else is known,
// fixes are what would make it work.
func (f *serviceFlags) notSignedIn(ctx context.Context, err error, fixes func() (why string, fixes []fix)) error {
	host, heard, broken := f.watch.last()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return f.outOfTime(err, host, heard)
	case ctx.Err() != nil:
		return err
	}
	e := signInError{cause: err, answered: f.watch.entraAnswered(err), verbose: f.verbose}
	problem, trust, distrusted := untrusted(host, broken)
	switch {
	case distrusted:
		e.why, e.fixes = problem, []fix{{"", trust}}
	case temporary(err):
		e.why = "Entra is not available now"
		if broken != nil {
			e.why = f.watch.unanswered(host, broken)
		}
		e.fixes = []fix{{"", later(host)}}
	default:
		e.why, e.fixes = fixes()
		switch {
		case e.answered != "":
			e.why = "Entra refused to sign in"
		case broken != nil:
			e.why = f.watch.unanswered(host, broken)
		}
		if len(e.fixes) > 1 && (e.answered != "" || broken != nil) {
			e.fixes = nil // it is not known which of them it was
		}
	}
	return e
}

// outOfTime returns the error of a call that --timeout ended while it waited for host.
func (f *serviceFlags) outOfTime(err error, host string, heard bool) error {
	what := fmt.Sprintf("no token came within --timeout %s", f.timeout)
	if host != "" {
		what = fmt.Sprintf("nothing came from Entra at %s within --timeout %s", host, f.timeout)
	}
	if heard {
		what = fmt.Sprintf("no token came from Entra at %s within --timeout %s", host, f.timeout)
	}
	return outOfTime{err, what, host}
}

// later is what to do where the same may succeed later.
func later(host string) string {
	return "try again later; if it goes on, check the network between here and " + cmp.Or(host, "Entra")
}

// unanswered says that no answer came from host, and why.
func (w *entraWatch) unanswered(host string, err error) string {
	return fmt.Sprintf("no answer came from Entra at %s (%s)", host, w.shown(err.Error()))
}

// entraAnswered returns the first line of Entra's own explanation, or else the status of its answer, if there was one.
func (w *entraWatch) entraAnswered(err error) string {
	var (
		application *azidentity.AuthenticationFailedError
		person      *oauth2.RetrieveError
		resp        *http.Response
		description string
	)
	switch {
	case errors.As(err, &person):
		resp, description = person.Response, cmp.Or(person.ErrorDescription, person.ErrorCode)
	case errors.As(err, &application) && application.RawResponse != nil && application.RawResponse.StatusCode != http.StatusOK:
		resp = application.RawResponse
		if resp.Request != nil && !isEntra(resp.Request.URL) {
			return ""
		}
		var explanation struct {
			Description string `json:"error_description"`
		}
		if body, err := runtime.Payload(resp); err == nil {
			_ = json.Unmarshal(body, &explanation) // a gateway's page has none
		}
		description = explanation.Description
	default:
		return ""
	}
	first, _, _ := strings.Cut(description, "\n")
	if first = strings.TrimSpace(first); first == "" && resp != nil {
		first = resp.Status
	}
	return w.shown(first)
}
