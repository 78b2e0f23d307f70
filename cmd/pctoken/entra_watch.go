package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// entraWatch is the transport to Entra. It keeps what became of the last request, of which the libraries' errors have a
// text at most, and logs once that nothing comes: they try again for long, and in silence.
type entraWatch struct {
	logger *slog.Logger
	next   http.RoundTripper

	mu       sync.Mutex
	host     string // of the last request; "" before the first
	answered bool   // whether host answered any request
	err      error  // why no answer came; nil, too, if the request's context ended first
	secrets  []string
	told     bool
}

func newEntraWatch(logger *slog.Logger) *entraWatch {
	return &entraWatch{logger: logger, next: http.DefaultTransport}
}

// soon is how long a silence may last before the program says of whom it is.
const soon = 3 * time.Second

func (w *entraWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	if !isEntra(r.URL) {
		return w.next.RoundTrip(r)
	}
	host := r.URL.Host
	w.keep(host, false, nil)
	r, err := w.keepSecrets(r)
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(soon, func() { w.tell(fmt.Sprintf("nothing comes from %s yet", host)) })
	defer late.Stop()
	resp, err := w.next.RoundTrip(r)
	switch {
	case err == nil:
		w.keep(host, true, nil)
	case r.Context().Err() == nil:
		w.keep(host, false, err)
		if _, _, ok := untrusted(host, err); ok {
			return nil, lasting{err}
		}
		w.tell(w.shown(fmt.Sprintf("no answer from %s: %v", host, err)))
	}
	return resp, err
}

func (w *entraWatch) keep(host string, answered bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host, w.answered, w.err = host, answered || w.answered && w.host == host, err
}

// keepSecrets keeps what the form of a request says that is not known to be harmless, for an answer may repeat it, and
// returns the request to send: a body can be read once.
func (w *entraWatch) keepSecrets(r *http.Request) (*http.Request, error) {
	if r.Body == nil {
		return r, nil
	}
	sent, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
	r.Body, _ = r.GetBody()
	form, _ := url.ParseQuery(string(sent)) // what is no form is not repeated as one
	var secrets []string
	for name, values := range form {
		if !slices.Contains([]string{"client_id", "grant_type", "scope", "redirect_uri", "client_info"}, name) {
			secrets = append(secrets, values...)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = secrets
	return r, nil
}

// shown returns a text about the last request without its secrets.
func (w *entraWatch) shown(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return wrapper.Redact(text, append(w.secrets, os.Getenv(secretVariable))...)
}

func (w *entraWatch) tell(outcome string) {
	w.mu.Lock()
	told := w.told
	w.told = true
	w.mu.Unlock()
	if !told {
		w.logger.Warn("waiting for Entra", "outcome", outcome)
	}
}

// last returns what became of the last request.
func (w *entraWatch) last() (host string, answered bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.host, w.answered, w.err
}

// isEntra reports whether a request is one to Entra, which is always by https. A default credential looks for the identity
// of a machine as well, by http, and everywhere.
func isEntra(u *url.URL) bool { return u.Scheme == "https" }

// lasting is an error that azcore does not try again after.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }
func (lasting) NonRetriable()   {}

// untrusted reports whether err is of a certificate that this machine does not trust, shown by host or by the proxy on
// the way there, and returns the problem with its fix.
func untrusted(host string, err error) (problem, fix string, ok bool) {
	var (
		certificate *tls.CertificateVerificationError
		dialed      *net.OpError
	)
	if !errors.As(err, &certificate) {
		return "", "", false
	}
	if errors.As(err, &dialed) && dialed.Op == "proxyconnect" {
		host = "the proxy on the way to " + host
	}
	fix = "name the file of the certificate to trust by SSL_CERT_FILE"
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" { // where Go does not read it
		fix = "add the certificate to those that the system trusts"
	}
	problem = fmt.Sprintf("%s shows a certificate that this machine does not trust: %v", host, certificate.Err)
	return wrapper.Redact(problem), // a certificate's names are its server's to choose
		fix + ", or check the URL, and whether a proxy is in between", true
}
