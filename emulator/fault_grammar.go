package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// part is a part that a typed fault can have. The table of them owns the grammar of faults.
type part struct {
	form  string // an example; up to its "=", the part's name
	means string
	field string // what it sets: a fault has at most one part for a field
	read  func(f *Fault, value string) error
	write func(f *Fault) string // the value; empty where the fault lacks the part
}

func (p part) valued() bool { return strings.Contains(p.form, "=") }

// parts are all parts but the status, in the order in which String writes them.
var parts = []part{
	placePart(AtEntra, "for requests to Entra's token endpoint"),
	placePart(AtResource, "for requests to /_emulator/resource"),
	bodyPart(BodyHTML, "a gateway's page that names the status"),
	bodyPart(BodyEmpty, "no body"),
	bodyPart(BodyMalformed, "the first half of the body, sent as if it were whole"),
	bodyPart(BodyHuge, "the body after 16 MiB of white space"),
	newPart("code=900420", "the error code", "a code", asTyped, func(f *Fault) *string { return &f.Code }),
	retryAfterPart("retry-after=2", "Retry-After in seconds", false),
	retryAfterPart("retry-after-date=2", "Retry-After as the date that is so many seconds ahead", true),
	newPart("content-type=text/plain", "another Content-Type", "a media type", asTyped, func(f *Fault) *string { return &f.ContentType }),
	newPart("delay=3s", "a wait before the headers", "a duration above 0, such as 3s", time.ParseDuration, func(f *Fault) *time.Duration { return &f.Delay }),
	newPart("slow=1000", "the body's bytes per second", wholeNumber, count, func(f *Fault) *int { return &f.BytesPerSecond }),
	newPart("truncate", "the connection ends within the body", "", present, func(f *Fault) *bool { return &f.Truncate }),
	newPart("reset", "the connection is reset instead of an answer", "", present, func(f *Fault) *bool { return &f.Reset }),
	newPart("reset-after-headers", "the connection is reset instead of a body", "", present, func(f *Fault) *bool { return &f.ResetAfterHeaders }),
	newPart("times=3", "for the next 3 requests", wholeNumber, count, func(f *Fault) *int { return &f.Times }),
	newPart("every=10", "for each tenth request", wholeNumber, count, func(f *Fault) *int { return &f.Every }),
	newPart("probability=0.05", "for one request in twenty, by chance", "a number above 0 and at most 1", chance, func(f *Fault) *float64 { return &f.Probability }),
	newPart("location=URL", "where a redirect leads; the last part, for a URL has colons", "a URL", asTyped, func(f *Fault) *string { return &f.Location }),
}

// newPart is a part for a field whose zero value means that the part is left out.
func newPart[T comparable](form, means, wants string, parse func(string) (T, error), field func(*Fault) *T) part {
	var zero T
	return part{form, means, nameOf(form), func(f *Fault, value string) error {
		v, err := parse(value)
		if err != nil || v == zero {
			return fmt.Errorf("%s wants %s, not %q", nameOf(form), wants, value)
		}
		*field(f) = v
		return nil
	}, func(f *Fault) string {
		if *field(f) == zero {
			return ""
		}
		return fmt.Sprint(*field(f))
	}}
}

func bodyPart(b Body, means string) part {
	return wordPart(b, "body", means, func(f *Fault) *Body { return &f.Body })
}

func placePart(p Place, means string) part {
	return wordPart(p, "place", means, func(f *Fault) *Place { return &f.At })
}

// wordPart is a part that is the value of its field.
func wordPart[T ~string](word T, field, means string, of func(*Fault) *T) part {
	return part{string(word), means, field, func(f *Fault, _ string) error { *of(f) = word; return nil }, func(f *Fault) string {
		if *of(f) != word {
			return ""
		}
		return string(word)
	}}
}

func retryAfterPart(form, means string, date bool) part {
	return part{form, means, "retry-after", func(f *Fault, value string) error {
		n, err := count(value)
		if err != nil || n == 0 {
			return fmt.Errorf("%s wants %s, not %q", nameOf(form), wholeNumber, value)
		}
		f.RetryAfter, f.RetryAfterDate = time.Duration(n)*time.Second, date
		return nil
	}, func(f *Fault) string {
		if f.RetryAfter == 0 || f.RetryAfterDate != date {
			return ""
		}
		return strconv.FormatInt(seconds(f.RetryAfter), 10)
	}}
}

const wholeNumber = "a whole number above 0"

func count(value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	return int(n), err
}

func chance(value string) (float64, error) { return strconv.ParseFloat(value, 64) }

func asTyped(value string) (string, error) { return value, nil }

func present(string) (bool, error) { return true, nil }

func nameOf(form string) string { name, _, _ := strings.Cut(form, "="); return name }

// ParseFault reads a fault as people type it: a status and other parts, joined by colons, in any order and each at most
// once, such as "500", "429:retry-after=2:times=3", "html:502", "delay=1s:reset" and "500:probability=0.05". [FaultHelp]
// lists the parts.
func ParseFault(spec string) (Fault, error) {
	f, err := parseFault(spec)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", spec, err)
	}
	return f, nil
}

func parseFault(spec string) (f Fault, err error) {
	typed := strings.Split(spec, ":")
	for i, t := range typed {
		if strings.HasPrefix(t, "location=") {
			typed = append(typed[:i:i], strings.Join(typed[i:], ":"))
			if typed[i] == "location=" {
				return f, errors.New("location wants a URL")
			}
			break
		}
	}
	seen := map[string]bool{}
	for _, t := range typed {
		field, err := f.set(t)
		if err == nil && seen[field] {
			err = fmt.Errorf("it has more than one %s", field)
		}
		if err != nil {
			return f, err
		}
		seen[field] = true
	}
	return f, nil
}

// set reads one part and returns the field that it set.
func (f *Fault) set(typed string) (field string, err error) {
	if strings.HasPrefix(typed, entraPrefix) {
		typed = "code=" + typed
	}
	name, value, valued := strings.Cut(typed, "=")
	for _, p := range parts {
		if name == nameOf(p.form) && valued == p.valued() && valued == (value != "") {
			return p.field, p.read(f, value)
		}
	}
	if f.Status, err = strconv.Atoi(typed); err != nil || f.Status == 0 {
		return "", fmt.Errorf("%q is neither a status nor another part of a fault, such as html, truncate, delay=3s or times=2", typed)
	}
	return "status", nil
}

// String returns the fault as [ParseFault] reads it.
func (f Fault) String() string {
	var written []string
	if f.Status != 0 {
		written = append(written, strconv.Itoa(f.Status))
	}
	for _, p := range parts {
		value := p.write(&f)
		switch {
		case value == "":
		case p.valued():
			written = append(written, nameOf(p.form)+"="+value)
		default:
			written = append(written, p.form)
		}
	}
	return cmp.Or(strings.Join(written, ":"), "200") // what does nothing has to be written too
}

// FaultHelp describes the parts of a fault that [ParseFault] reads, a line each: an example, and what it does.
func FaultHelp() string {
	var b strings.Builder
	line := func(form, means string) { fmt.Fprintf(&b, "%-26s %s\n", form, means) }
	line("500", "the status, from 300 to 599; 200 leaves the answer as it is")
	for _, p := range parts {
		line(p.form, p.means)
	}
	line("AADSTS700082", "a refusal of Entra's; short for code=AADSTS700082")
	return b.String()
}

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
