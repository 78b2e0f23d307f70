package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const bearerVariable = "PARTNERCENTER_BEARER"

// bearerHelp says where the bearer comes from, in the help of every command that takes one.
const bearerHelp = `The bearer comes from the file that --bearer-file names, or else from the environment variable
` + bearerVariable + `, or else from signing in to Entra as azidentity's DefaultAzureCredential does: by
environment variables (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET), workload identity, managed
identity or az login. AZURE_AUTHORITY_HOST names an authority other than the --cloud's. No flag takes a secret:
command lines are public.`

// maxBearer is the longest bearer that is read. Those of Entra have a few kilobytes.
const maxBearer = 64 << 10

// bearer returns the bearer that the flags name. It reads a file at once, so that one that does not work is found first.
func (f *serviceFlags) bearer(ctx context.Context, stdin io.Reader) (wrapper.BearerFunc, error) {
	if f.bearerFile == "" {
		if token := os.Getenv(bearerVariable); token != "" {
			return wrapper.StaticBearer(token), nil
		}
		return f.signIn()
	}
	token, err := await(ctx, func() (string, error) { return readBearer(f.bearerFile, stdin) })
	if err != nil {
		return nil, fmt.Errorf("reading the bearer, --bearer-file %q: %w", f.bearerFile, err)
	}
	return wrapper.StaticBearer(token), nil
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
