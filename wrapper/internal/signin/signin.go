// Package signin is what the adapters for the Azure SDK and for x/oauth2 share: the errors of signing in at Entra.
package signin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Error returns err without secrets in its text, and with a method Retryable that reports temporary. [errors.As] and
// [errors.Is] see err, but for the ends of contexts: only the caller's matters, and package wrapper knows that one.
func Error(err error, temporary bool, secrets ...string) error {
	return failure{wrapper.RedactError(err, secrets...), temporary}
}

type failure struct {
	cleaned   error
	temporary bool
}

func (f failure) Error() string   { return f.cleaned.Error() }
func (f failure) Retryable() bool { return f.temporary }

func (f failure) As(target any) bool { return errors.As(f.cleaned, target) }

func (f failure) Is(target error) bool {
	return target != context.Canceled && target != context.DeadlineExceeded && errors.Is(f.cleaned, target)
}

// Format has every verb show the text alone.
func (f failure) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.Error()) }

// TemporaryStatus reports whether an answer of Entra with this status may be another one later.
func TemporaryStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// BrokenNetwork reports whether err says that Entra did not answer, and may do so later.
func BrokenNetwork(err error) bool {
	var failed *url.Error
	return errors.As(err, &failed) && !Untrusted(err)
}

// Untrusted reports whether err is of a TLS handshake that fails the next time, too.
func Untrusted(err error) bool {
	var (
		untrusted *tls.CertificateVerificationError
		noTLS     tls.RecordHeaderError
	)
	return errors.As(err, &untrusted) || errors.As(err, &noTLS) || errors.Is(err, http.ErrSchemeMismatch)
}

// Secrets returns the secrets in the form that resp answers, because an answer may repeat them.
func Secrets(resp *http.Response) []string {
	if resp == nil || resp.Request == nil || resp.Request.GetBody == nil {
		return nil
	}
	body, err := resp.Request.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	sent, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil {
		return nil
	}
	form, err := url.ParseQuery(string(sent))
	if err != nil {
		return nil
	}
	_, password, _ := resp.Request.BasicAuth()
	secrets := []string{password}
	for _, name := range []string{
		"client_secret", "client_assertion", "assertion", "refresh_token", "code", "code_verifier", "device_code", "password",
	} {
		secrets = append(secrets, form.Get(name))
	}
	return secrets
}

// IsNil reports whether v is nil or an interface that holds a nil pointer, as a constructor leaves it that failed.
func IsNil(v any) bool {
	value := reflect.ValueOf(v)
	return !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil()
}
