package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
func (f *serviceFlags) bearer(ctx context.Context, stdin io.Reader) (wrapper.BearerFunc, error) {
	switch {
	case f.bearerFile != "":
	case f.refreshTokenFile != "":
		config, err := f.entra()
		if err != nil {
			return nil, err
		}
		return f.refreshed(config), nil
	case os.Getenv(bearerVariable) != "" && f.credential == "":
		return wrapper.StaticBearer(os.Getenv(bearerVariable)), nil
	default:
		return f.signIn()
	}
	token, err := await(ctx, func() (string, error) { return readBearer(f.bearerFile, stdin) })
	if err != nil {
		return nil, fmt.Errorf("reading the bearer, --bearer-file %q: %w", f.bearerFile, err)
	}
	return wrapper.StaticBearer(token), nil
}

// refreshed returns a bearer that Entra gives for the refresh token in a file.
func (f *entraFlags) refreshed(config *oauth2.Config) wrapper.BearerFunc {
	bearer := oauth2auth.RefreshToken(config, oauth2auth.FileStore(f.refreshTokenFile))
	again := fmt.Sprintf("pctoken login --client-id %s --tenant-id %s --refresh-token-file %s",
		quoteForShell(config.ClientID), quoteForShell(f.tenant()), quoteForShell(f.refreshTokenFile))
	if f.cloud != "global" {
		again += " --cloud " + quoteForShell(f.cloud)
	}
	return func(ctx context.Context) (string, error) {
		token, err := bearer(ctx)
		if errors.Is(err, oauth2auth.ErrSignInRequired) {
			err = fmt.Errorf("%w; to sign in: %s", err, again)
		}
		return token, err
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
