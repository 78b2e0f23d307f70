package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestEntraWatch_SaysOnceWhomItWaitsFor(t *testing.T) {
	fine := func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }
	slow := func(r *http.Request) (*http.Response, error) {
		time.Sleep(4 * time.Second) // of the bubble's clock
		return fine(r)
	}
	for name, test := range map[string]struct {
		url  string
		next roundTripper
		want string
	}{
		"an answer":              {"https://entra.example/", fine, ""},
		"an answer that is slow": {"https://entra.example/", slow, "pctoken: nothing comes from entra.example yet\n"},
		"no network":             {"https://entra.example/", func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }, "pctoken: no answer from entra.example: no route\n"},
		"a metadata service":     {"http://169.254.169.254/", func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var terminal bytes.Buffer
				watch := newEntraWatch(slog.New(retryLine{&terminal}))
				watch.next = test.next
				for range 3 {
					r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, test.url, strings.NewReader("a=b"))
					if resp, err := watch.RoundTrip(r); resp != nil && resp.Body != nil {
						_ = resp.Body.Close()
						_ = err
					}
				}
				synctest.Wait() // for the line that a timer prints
				if terminal.String() != test.want {
					t.Errorf("the terminal shows %q", terminal.String())
				}
			})
		})
	}
}

func TestEntraWatch_RemembersThatItsHostAnswered(t *testing.T) {
	watch := newEntraWatch(slog.New(slog.DiscardHandler))
	for i, step := range []struct {
		host string
		err  error
		want bool
	}{{"a.example", errors.New("no route"), false}, {"a.example", nil, true}, {"a.example", errors.New("no route"), true}, {"b.example", errors.New("no route"), false}} {
		watch.next = roundTripper(func(*http.Request) (*http.Response, error) { return nil, step.err })
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+step.host, nil)
		_, _ = watch.RoundTrip(r)
		if host, answered, err := watch.last(); host != step.host || answered != step.want || !errors.Is(err, step.err) {
			t.Errorf("step %d: %s, %v, %v", i, host, answered, err)
		}
	}
}

func TestUntrusted_NamesWhoShowsTheCertificatePlainly(t *testing.T) {
	distrust := &tls.CertificateVerificationError{Err: errors.New("valid for a\n\x1b[2Jb")}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"the host":  {&url.Error{Op: "Get", URL: "https://a.example", Err: distrust}, "a.example shows a certificate that this machine does not trust: valid for a [2Jb"},
		"the proxy": {&url.Error{Op: "Get", URL: "https://a.example", Err: &net.OpError{Op: "proxyconnect", Err: distrust}}, "the proxy on the way to a.example shows a certificate that this machine does not trust: valid for a [2Jb"},
		"nobody":    {errors.New("no route"), ""},
	} {
		problem, fix, ok := untrusted("a.example", test.err)
		if problem != test.want || ok != (test.want != "") || ok != (fix != "") {
			t.Errorf("%s: %q, %q, %v", name, problem, fix, ok)
		}
	}
}

func TestEntraWatch_SendsTheBodyAndHidesWhatIsSecretInIt(t *testing.T) {
	watch := newEntraWatch(slog.New(slog.DiscardHandler))
	var sent []byte
	watch.next = roundTripper(func(r *http.Request) (*http.Response, error) {
		sent, _ = io.ReadAll(r.Body)
		return nil, errors.New("no route")
	})
	form := "client_id=an-application&refresh_token=canary-refresh&assertion=canary-assertion"
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://entra.example/", strings.NewReader(form))
	if _, err := watch.RoundTrip(r); err == nil || string(sent) != form {
		t.Errorf("sent %q, %v", sent, err)
	}
	if got := watch.shown("an-application sent canary-refresh and canary-assertion"); strings.Contains(got, "canary") || !strings.Contains(got, "an-application") {
		t.Errorf("shown as %q", got)
	}
}
