package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pkg/browser"
	"golang.org/x/oauth2"
)

// authorizationCode signs in with this machine's browser, which Entra sends back to a port of this program with a code.
// PKCE makes the code useless to others (RFC 7636), the state keeps others from bringing a code of theirs.
func authorizationCode(ctx context.Context, config *oauth2.Config, stderr io.Writer) (*oauth2.Token, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	config.RedirectURL = "http://localhost:" + port // the one host for which Entra takes any port
	back := &comeback{state: rand.Text(), answers: make(chan url.Values, 1)}
	server := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	verifier := oauth2.GenerateVerifier()
	open := config.AuthCodeURL(back.state, oauth2.S256ChallengeOption(verifier))
	fmt.Fprintf(stderr, "To sign in, go on in your browser. If it does not open by itself, open\n%s\n", open)
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	go func() { _ = browser.OpenURL(open) }() // the URL is there to be opened by hand
	defer showWaiting(stderr)()

	select {
	case answer := <-back.answers:
		if answer.Get("code") == "" {
			return nil, &oauth2.RetrieveError{
				ErrorCode: cmp.Or(answer.Get("error"), "no code"), ErrorDescription: answer.Get("error_description"),
			}
		}
		drain, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = server.Shutdown(drain) // the browser gets its page
		return config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// comeback takes the answer that Entra sends a browser back with, once.
type comeback struct {
	state   string
	answers chan url.Values
}

func (c *comeback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(c.state)) != 1 {
		http.Error(w, "This is no answer to the sign-in that pctoken waits for.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "Back to the terminal: pctoken goes on there. You can close this page.\n")
	select {
	case c.answers <- answer:
	default: // there was one
	}
}
