package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// conformFlags are the flags of conform, as they were typed.
type conformFlags struct {
	serviceFlags
	emulator, plan bool
	pause          time.Duration
	maxRequests    int
	report         string
}

func newConformCommand() *cobra.Command {
	var f conformFlags
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Hold a service's answers against the contract",
		Long: `Make the exchanges that the contract has with a service, slowly and one after the other, and hold each answer against
the contract: a token in each pairing of media types by both operations, and refusals that requests are made for: an
unsupported grant, no bearer, a path that is not there. Nothing is changed at the service but that it gives tokens, which
are printed nowhere. --plan shows what would be sent, and sends nothing.

It also answers what the documentation leaves open: how bodies look in XML, what types expires_in and code have, which
headers come, whether a request id that is sent twice brings the same token, whether ValidateMfa is honoured. If you have
an account, please run it and hand in the report.

` + bearerHelp + `

Exit codes: 0 every answer conforms, 1 one does not, 2 wrong usage, 3 the service refuses the bearer, 4 it could not be asked, 130
ended by Ctrl-C.`,
		Example: `  # what would be sent
  pctoken conform --plan

  # ask the service, and keep the report
  pctoken conform --tenant-id contoso.onmicrosoft.com --report conform.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.conform(cmd) },
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.emulator, "emulator", false, "ask an emulator inside this process instead; no bearer is needed")
	flags.BoolVar(&f.plan, "plan", false, "print what would be sent, and send nothing")
	flags.DurationVar(&f.pause, "pause", time.Second, "time to wait before each request but the first")
	flags.IntVar(&f.maxRequests, "max-requests", 100, "the most requests to send; the plan's first ones are sent first")
	flags.StringVar(&f.report, "report", "", "`file` to write the report to, as JSON without secrets; - is standard output, in place of the table")
	timeout := flags.Lookup("timeout") // of the whole, which takes longer than a call
	timeout.DefValue, f.timeout = "15m0s", 15*time.Minute
	cmd.MarkFlagsMutuallyExclusive("url", "emulator")
	cmd.MarkFlagsMutuallyExclusive("cloud", "emulator")
	return cmd
}

func (f *conformFlags) conform(cmd *cobra.Command) error {
	switch {
	case f.pause < 0:
		return usagef("--pause %s: it cannot be negative", f.pause)
	case f.maxRequests < 1:
		return usagef("--max-requests %d: it has to be 1 or more", f.maxRequests)
	}
	cloud, err := f.cloudOf()
	if err != nil {
		return err
	}
	contract, err := loadContract()
	if err != nil {
		return err
	}
	service := cmp.Or(f.url, cloud.server)
	probes := contract.plan()
	if _, err := wrapper.NewClient(wrapper.StaticBearer(""), wrapper.WithBaseURL(service)); err != nil {
		return usageError{inFlags(err)}
	}
	if f.plan {
		if f.emulator {
			service = "an emulator in this program"
		}
		return printPlan(cmd.OutOrStdout(), service, probes, f.maxRequests, f.pause)
	}
	ctx, cancel, err := f.limited(cmd.Context())
	if err != nil {
		return err
	}
	defer cancel()
	bearer := wrapper.StaticBearer("the-emulator-takes-any")
	if !f.emulator {
		if bearer, err = f.bearer(ctx, cmd.InOrStdin(), f.logger(cmd.ErrOrStderr())); err != nil {
			return err
		}
	} else {
		server, err := emulator.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		service = server.URL
	}
	// All requests carry the same bearer, and a sign-in that fails ends the command before the first.
	token, err := await(ctx, func() (string, error) { return asSent(ctx, bearer) })
	if err != nil {
		return f.explained(ctx, service, err)
	}
	file, err := f.open()
	if err != nil {
		return err
	}
	c := &conformance{
		contract: contract, service: service, bearer: token, secrets: []string{token},
		transport: http.DefaultTransport.(*http.Transport).Clone(), logger: f.logger(cmd.ErrOrStderr()),
	}
	defer c.transport.CloseIdleConnections()
	chosen := probes[:min(len(probes), f.maxRequests)]
	fmt.Fprintf(cmd.ErrOrStderr(), "sending %d requests to %s, which takes at least %s\n",
		len(chosen), c.service, time.Duration(len(chosen)-1)*f.pause)
	stopped := c.run(ctx, chosen, f.pause)
	if errors.Is(stopped, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		stopped = outOfTime{cause: stopped, what: fmt.Sprintf("%d of %d requests were made within --timeout %s", len(c.cells), len(chosen), f.timeout)}
	}
	report := c.report(probes)
	if err := f.print(cmd.OutOrStdout(), file, report); err != nil {
		return err
	}
	if stopped != nil {
		return stopped
	}
	if n := report.deviating(); n > 0 {
		return failure{fmt.Errorf("answers that do not conform: %d", n), exitOther}
	}
	return nil
}

// open opens the file of --report, if there is one, before anything is sent for it.
func (f *conformFlags) open() (*os.File, error) {
	if f.report == "" || f.report == "-" {
		return nil, nil
	}
	file, err := os.Create(f.report)
	if err != nil {
		return nil, usageError{fmt.Errorf("--report: %w", err)}
	}
	return file, nil
}

func (f *conformFlags) print(stdout io.Writer, file *os.File, report *conformReport) error {
	if f.report == "-" {
		return report.writeJSON(stdout)
	}
	var err error
	if report.answered() { // otherwise the program's error says all that there is
		err = report.writeTable(stdout)
	}
	if file != nil {
		if failed := errors.Join(report.writeJSON(file), file.Close()); failed != nil {
			err = errors.Join(err, fmt.Errorf("--report: %w", failed))
		}
	}
	return err
}
