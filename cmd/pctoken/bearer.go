package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"syscall"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

const bearerVariable = "PARTNERCENTER_BEARER"

// bearerHelp says where the bearer comes from, in the help of every command that takes one.
const bearerHelp = `The bearer comes from the file that --bearer-file names; or else from Entra, for the refresh token in the file that
--refresh-token-file names (pctoken login makes it); or else from the environment variable ` + bearerVariable + `;
or else from signing in to Entra as azidentity's DefaultAzureCredential does: by environment variables
(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET), workload identity, managed identity or az login, of which
--credential chooses one.

` + entraHelp

// maxBearer is the longest bearer that is read. Those of Entra have a few kilobytes.
const maxBearer = 64 << 10

// bearer returns the bearer that the flags name. It reads a file at once, so that one that does not work is found first.
func (f *serviceFlags) bearer(ctx context.Context, stdin io.Reader, logger *slog.Logger) (wrapper.BearerFunc, error) {
	f.watch = newEntraWatch(logger)
	switch {
	case f.bearerFile != "":
	case f.refreshTokenFile != "":
		config, err := f.entra()
		if err != nil {
			return nil, err
		}
		return f.refreshed(config), nil
	case os.Getenv(bearerVariable) != "" && f.credential == "":
		f.bearerSource = bearerVariable
		return wrapper.StaticBearer(os.Getenv(bearerVariable)), nil
	default:
		return f.signIn()
	}
	f.bearerSource = fmt.Sprintf("--bearer-file %q", f.bearerFile)
	if f.bearerFile == "-" {
		f.bearerSource = "standard input (--bearer-file -)"
	}
	token, err := await(ctx, func() (string, error) { return readBearer(f.bearerFile, stdin) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, outOfTime{cause: err, what: fmt.Sprintf("nothing came from %s within --timeout %s", f.bearerSource, f.timeout)}
	case err != nil:
		return nil, fmt.Errorf("reading the bearer, %s: %w", f.bearerSource, err)
	}
	return wrapper.StaticBearer(token), nil
}

// explained returns the error of a call that failed for err, in the words of the command line. The call went to service
// once it had a bearer.
func (f *serviceFlags) explained(ctx context.Context, service string, err error) error {
	var (
		late     outOfTime
		answered *wrapper.Error
	)
	switch {
	case errors.Is(err, wrapper.ErrInvalidBearer) && f.bearerSource != "":
		return fmt.Errorf("%s: %w", f.bearerSource, errors.Unwrap(err))
	case err == nil, !errors.Is(ctx.Err(), context.DeadlineExceeded), !errors.Is(err, context.DeadlineExceeded), errors.As(err, &late):
		return err
	case errors.As(err, &answered) && answered.Attempts > 0:
		host := service
		if u, err := url.Parse(service); err == nil {
			host = u.Host
		}
		return outOfTime{err, fmt.Sprintf("no token came from %s within --timeout %s (request id %s, correlation id %s, attempts %d)",
			host, f.timeout, answered.RequestID, answered.CorrelationID, answered.Attempts), host}
	case f.watch == nil:
		return f.outOfTime(err, "", false)
	}
	host, heard, _ := f.watch.last()
	return f.outOfTime(err, host, heard)
}

// refreshed returns a bearer that Entra gives for the refresh token in a file.
func (f *serviceFlags) refreshed(config *oauth2.Config) wrapper.BearerFunc {
	bearer := oauth2auth.RefreshToken(config, oauth2auth.FileStore(f.refreshTokenFile))
	again := fmt.Sprintf("pctoken login --client-id %s --tenant-id %s --refresh-token-file %s",
		quoteForShell(config.ClientID), quoteForShell(f.tenant()), quoteForShell(f.refreshTokenFile))
	if f.cloud != "global" {
		again += " --cloud " + quoteForShell(f.cloud)
	}
	return func(ctx context.Context) (string, error) {
		token, err := bearer(context.WithValue(ctx, oauth2.HTTPClient, entraClient(f.watch)))
		if err == nil {
			return token, nil
		}
		return "", f.notSignedIn(ctx, err, func() (string, []fix) {
			var refused *oauth2.RetrieveError
			switch {
			case errors.Is(err, oauth2auth.ErrSignInRequired):
				return fmt.Sprintf("--refresh-token-file %q has no refresh token", f.refreshTokenFile), []fix{{"to sign in again", again}}
			case !errors.As(err, &refused):
				return err.Error(), nil
			case refused.Response != nil && refused.Response.StatusCode/100 == 3:
				return "", []fix{{"to sign in", "check " + authorityVariable + ": redirects are not followed"}}
			default:
				return "", []fix{{"to sign in", "check --client-id, --tenant-id and " + secretVariable}}
			}
		})
	}
}

func readBearer(path string, stdin io.Reader) (string, error) {
	from := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", usageError{err}
		}
		defer file.Close()
		from = file
	}
	token, err := io.ReadAll(io.LimitReader(from, maxBearer+1))
	switch {
	case errors.Is(err, syscall.EISDIR):
		return "", usageError{err}
	case len(token) > maxBearer:
		return "", usagef("it has more than %d bytes, which no bearer has", maxBearer)
	}
	return string(token), err
}
