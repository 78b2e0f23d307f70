// Command pctoken gets a Partner Center access token on the command line, and serves the emulator of the endpoint that
// gives it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes; exitCodes explains them to the user.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnavailable = 4
)

const exitCodes = `Exit codes:
  0  a token
  1  any other failure
  2  wrong usage
  3  the service refused (4xx)
  4  the service was not available after all retries (429, 5xx, network, deadline)`

// run is the whole program, for main and for tests.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "pctoken",
		Short: "Get Partner Center access tokens",
		Long: "pctoken exchanges a Microsoft Entra access token for a Partner Center access token.\n" +
			"It is not made or endorsed by Microsoft.\n\n" + exitCodes,
		SilenceErrors: true, // run prints them, on one line
		SilenceUsage:  true,
	}
	root.AddCommand(newGetCommand(), newExecCommand(), newDoctorCommand(), newServeCommand(), newVersionCommand(), newManCommand())
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	if code != exitOK {
		message := oneLine(err)
		var block signInError
		if errors.As(err, &block) {
			message = block.Error() // of several lines, as it is meant
		}
		if code == exitUsage {
			message += fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
		}
		fmt.Fprintln(stderr, "pctoken: "+message)
	}
	return code
}

// oneLine joins the lines of an error: several wrong options come a line each, as do cobra's suggestions.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' })
	return strings.Join(lines, "; ")
}

// failure marks an error that is not the user's, with its exit code: what a command returns without it is wrong usage,
// as is everything that cobra finds by itself.
type failure struct {
	error
	code int
}

func (f failure) Unwrap() error { return f.error }

func exitCode(err error) int {
	var (
		callErr *wrapper.Error
		failed  failure
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &failed):
		return failed.code
	case errors.Is(err, wrapper.ErrInvalidBearer):
		return exitUsage
	case errors.Is(err, wrapper.ErrThrottled), errors.Is(err, wrapper.ErrServer),
		errors.Is(err, wrapper.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return exitUnavailable
	case errors.As(err, &callErr) && callErr.StatusCode >= 400:
		return exitRefused
	case callErr != nil:
		return exitOther
	default:
		return exitUsage
	}
}
