package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// signOfLife is how often a wait for a person shows itself.
const signOfLife = 2 * time.Second

// deviceCode signs in with a code that a person enters in any browser (RFC 8628).
func deviceCode(ctx context.Context, config *oauth2.Config, stderr io.Writer) (*oauth2.Token, error) {
	code, err := config.DeviceAuth(ctx)
	if err != nil {
		return nil, err
	}
	if code.Expiry.IsZero() {
		code.Expiry = time.Now().Add(15 * time.Minute) // as Entra's do, so that the wait ends
	}
	code.Interval = min(max(code.Interval, 0), 60) // the library panics where it is none; 0 is its default
	fmt.Fprintf(stderr, "To sign in, open %s and enter the code %s. It is valid until %s.\n",
		wrapper.Redact(code.VerificationURI), wrapper.Redact(code.UserCode), code.Expiry.Local().Format(time.TimeOnly))
	defer showWaiting(stderr)()
	// A poll that fails for the network ends the library's wait, but not the sign-in. Five in a row do.
	for failures := 1; ; failures++ {
		began := time.Now()
		token, err := config.DeviceAccessToken(ctx, code)
		if time.Since(began) > time.Minute {
			failures = 1
		}
		switch {
		case err == nil, ctx.Err() != nil:
			return token, err
		case errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(code.Expiry):
			return nil, &oauth2.RetrieveError{ErrorCode: "expired_token"}
		case failures == 5 || !pollAgain(err):
			return nil, err
		}
	}
}

func pollAgain(err error) bool {
	var (
		refused *oauth2.RetrieveError
		network *url.Error
	)
	if errors.As(err, &refused) {
		return refused.Response.StatusCode >= 500 || refused.Response.StatusCode == http.StatusTooManyRequests
	}
	return errors.As(err, &network)
}

// showWaiting prints a dot now and then, until the function that it returns is called.
func showWaiting(stderr io.Writer) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	fmt.Fprint(stderr, "Waiting for the sign-in, until Ctrl-C ends it ")
	go func() {
		defer close(ended)
		ticker := time.NewTicker(signOfLife)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				fmt.Fprint(stderr, ".")
			case <-done:
				fmt.Fprintln(stderr)
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
