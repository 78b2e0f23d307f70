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
)

func main() {
	os.Exit(run(untilSignal(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends. A second signal ends the program at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		received := <-signals
		signal.Stop(signals)
		cancel(interruption{received})
	}()
	return ctx
}

// run is the whole program, for main and for tests.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &output{Writer: stdout}
	root, begun := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	finishCommands(root)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case out.err != nil:
		err = out.err
	case err != nil && !*begun: // cobra refused it: an unknown command or flag, a wrong argument
		err = usageError{err}
	}
	code := exitCode(ctx, err)
	if code != exitOK {
		fmt.Fprintln(stderr, "pctoken: "+message(cmd, code, err))
	}
	return code
}

func newRootCommand() (root *cobra.Command, begun *bool) {
	begun = new(bool)
	root = &cobra.Command{
		Use:   "pctoken",
		Short: "Get Partner Center access tokens",
		Long: "pctoken exchanges a Microsoft Entra access token for a Partner Center access token.\n" +
			"It is not made or endorsed by Microsoft.\n\n" + exitCodes,
		Version:       programVersion(),
		SilenceErrors: true, // run prints them, on one line
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			// Cobra's last check, made early: what fails from here on is no wrong usage unless it says so.
			if err := cmd.ValidateFlagGroups(); err != nil {
				return inOwnWords(err)
			}
			*begun = true
			if cmd.Name() == cobra.ShellCompRequestCmd {
				withoutBackticks(cmd.Root())
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(newGetCommand(), newExecCommand(), newLoginCommand(), newDoctorCommand(), newConformCommand(), newServeCommand(), newVersionCommand(), newManCommand())
	return root, begun
}

// message returns what to print of an error: one line, but for a failed sign-in, which has a line for each thing to try.
func message(cmd *cobra.Command, code int, err error) string {
	if code > exitSignal {
		return "interrupted"
	}
	var signIn signInError
	if errors.As(err, &signIn) {
		return signIn.Error()
	}
	var late outOfTime
	if errors.As(err, &late) {
		return late.Error()
	}
	// Several wrong options come a line each.
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), "; ")
	if code == exitUsage {
		text += fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
	}
	return text
}

// output is standard output. It keeps its first error, so that no command has to look.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("writing to standard output: %w", err)
	}
	return n, err
}
