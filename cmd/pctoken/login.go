package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

// loginFlags are the flags of login as they were typed.
type loginFlags struct {
	entraFlags
	browser bool
	timeout time.Duration
}

func newLoginCommand() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in as a person, for commands and services that act for one",
		Long: `Sign in to Entra as a person, with MFA, and keep the refresh token in a file that only you can read. get, exec and
doctor take it by the same flags and replace it as they use it; so does a service with oauth2auth.RefreshToken. This is
the Secure Application Model's app+user access.

The sign-in is by device code: open the URL that is printed in any browser, and enter the code. With --browser it is in
this machine's browser, which works where a policy blocks device codes; the application needs the redirect URI
http://localhost then. Standard error has it all, standard output nothing.

` + entraHelp + `

Exit codes: 0 signed in, 1 not, or without MFA, 2 wrong usage, 4 Entra was not available, 130 ended by Ctrl-C.`,
		Example: `  pctoken login --client-id CLIENT --tenant-id TENANT --refresh-token-file token
  pctoken get   --client-id CLIENT --tenant-id TENANT --refresh-token-file token`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.login(cmd.Context(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.refreshTokenFile, "refresh-token-file", "", "`file` to keep the refresh token in")
	flags.BoolVar(&f.browser, "browser", false, "sign in with this machine's browser instead of a device code")
	flags.DurationVar(&f.timeout, "timeout", 15*time.Minute, "time for all of it")
	return cmd
}

// unusedLifetime is how long a refresh token lasts unused ("Refresh tokens in the Microsoft identity platform").
const unusedLifetime = 90 * 24 * time.Hour

func (f *loginFlags) login(ctx context.Context, stderr io.Writer) error {
	config, err := f.entra()
	if err != nil {
		return err
	}
	if err := f.checkFile(ctx); err != nil {
		return err
	}
	if f.timeout <= 0 {
		return usagef("--timeout %s: it has to be more than nothing", f.timeout)
	}
	watch := newEntraWatch(slog.New(slog.DiscardHandler)) // the wait for a person shows itself
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, entraClient(watch)), f.timeout)
	defer cancel()
	source := &loginSource{ctx: ctx, config: config, stderr: stderr, grant: deviceCode, ended: make(chan struct{})}
	if f.browser {
		source.grant = authorizationCode
	}
	// As a bearer, for its errors: they have no secret, and say whether to try again.
	access, err := oauth2auth.Bearer(source)(ctx)
	// It does not wait for the source where ctx ends, but the source has a line to end.
	_, _ = await(ctx, func() (struct{}, error) { return <-source.ended, nil })
	if err != nil {
		return f.failed(ctx, watch, err)
	}
	signedIn := time.Now()
	if source.refreshToken == "" {
		return errors.New("no refresh token came from Entra: allow the application offline_access, and sign in again")
	}
	if err := oauth2auth.FileStore(f.refreshTokenFile).Save(ctx, source.refreshToken); err != nil {
		return fmt.Errorf("keeping the refresh token: %w", err)
	}
	fmt.Fprintf(stderr, "Signed in. The refresh token is in %s; unused, it lasts until %s (90 days).\n",
		f.refreshTokenFile, signedIn.Add(unusedLifetime).Format(time.DateOnly))
	return sayMFA(access, stderr)
}

// checkFile finds out before the sign-in whether the refresh token can be kept.
func (f *loginFlags) checkFile(ctx context.Context) error {
	if f.refreshTokenFile == "" {
		return usagef("--refresh-token-file is missing: name the file to keep the refresh token in")
	}
	probe, err := os.CreateTemp(filepath.Dir(f.refreshTokenFile), ".pctoken-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err == nil {
		_, err = oauth2auth.FileStore(f.refreshTokenFile).Load(ctx)
	}
	if err != nil {
		return usagef("--refresh-token-file %q: %w", f.refreshTokenFile, err)
	}
	return nil
}

// sayMFA says whether the sign-in carries MFA, without which it is of no use for long.
func sayMFA(access string, stderr io.Writer) error {
	claims, err := claimsOf(access)
	if err != nil {
		claims = nil
	}
	e := &examination{out: stderr}
	e.mfa(claims)
	if e.problems() > 0 {
		return errors.New("the sign-in carries no MFA")
	}
	return nil
}

// loginSource is the token source of one sign-in.
type loginSource struct {
	ctx          context.Context
	config       *oauth2.Config
	stderr       io.Writer
	grant        func(context.Context, *oauth2.Config, io.Writer) (*oauth2.Token, error)
	ended        chan struct{}
	refreshToken string
}

func (s *loginSource) Token() (*oauth2.Token, error) {
	defer close(s.ended)
	token, err := s.grant(s.ctx, s.config, s.stderr)
	if err == nil {
		s.refreshToken = token.RefreshToken
	}
	return token, err
}

// declined are what Entra answers where a person has decided, or has not in time.
var declined = map[string]string{
	"authorization_declined": "the sign-in was declined",
	"access_denied":          "the sign-in was declined",
	"expired_token":          "nobody signed in before the code expired; run pctoken login again",
}

// failed returns the error of a sign-in that failed for err.
func (f *loginFlags) failed(ctx context.Context, watch *entraWatch, err error) error {
	var refused *oauth2.RetrieveError
	host, heard, broken := watch.last()
	problem, fix, distrusted := untrusted(host, broken)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && host != "" && !heard:
		return (&serviceFlags{timeout: f.timeout}).outOfTime(err, host, heard)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("nobody signed in within the --timeout; run pctoken login again")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused) && declined[refused.ErrorCode] != "":
		return errors.New(declined[refused.ErrorCode])
	case distrusted:
		return fmt.Errorf("signing in: %s; %s", problem, fix)
	case temporary(err):
		why := "Entra is not available now: " + watch.entraAnswered(err)
		if broken != nil {
			why = watch.unanswered(host, broken)
		}
		return failure{fmt.Errorf("signing in: %s; %s", why, later(host)), exitUnavailable}
	case refused == nil || refused.ErrorCode == "":
		return fmt.Errorf("signing in: %w", err)
	case !f.browser:
		return fmt.Errorf("signing in: Entra answered: %s; if a policy blocks device codes, sign in with --browser", watch.entraAnswered(err))
	}
	return fmt.Errorf("signing in: Entra answered: %s", watch.entraAnswered(err))
}
