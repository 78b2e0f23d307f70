package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func newDoctorCommand() *cobra.Command {
	var (
		f    serviceFlags
		form string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong before the service does",
		Long: `Look at the bearer, the service and the clock, and print what is wrong with the fix for each. Nothing is exchanged, the
bearer is sent nowhere, and no token is printed. The bearer's claims are read, not verified.

` + bearerHelp + `

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 130 ended by Ctrl-C.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if form != "text" && form != "json" {
				return usagef("--output %q: it has to be text or json", form)
			}
			ctx, cancel, err := f.limited(cmd.Context())
			if err != nil {
				return err
			}
			defer cancel()
			return f.examine(ctx, cmd, &examination{out: cmd.OutOrStdout(), asJSON: form == "json"})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&form, "output", "o", "text", "`form` to print it in: text or json")
	complete(cmd, "output", "json", "text")
	return cmd
}

func (f *serviceFlags) examine(ctx context.Context, cmd *cobra.Command, e *examination) error {
	cloud, err := f.cloudOf()
	if err != nil {
		return err
	}
	bearer, err := f.bearer(ctx, cmd.InOrStdin(), f.logger(cmd.ErrOrStderr()))
	if err != nil {
		return failure{err, exitOther}
	}
	e.service(ctx, cmp.Or(f.url, cloud.server))
	token, err := await(ctx, func() (string, error) { return asSent(ctx, bearer) })
	err = f.explained(ctx, cmp.Or(f.url, cloud.server), err)
	switch {
	case errors.Is(err, wrapper.ErrInvalidBearer):
		e.wrong(askFor(cloud), "%v", err)
	case err != nil:
		e.noBearer(err)
	default:
		e.bearer(token, cloud)
	}
	e.finish()
	if problems := e.problems(); problems > 0 {
		return fmt.Errorf("problems found: %d", problems)
	}
	return nil
}

// examination prints findings: as text when they are found, as JSON in the end.
type examination struct {
	out      io.Writer
	asJSON   bool
	findings []finding
}

type finding struct {
	Result  result `json:"result"`
	Finding string `json:"finding"`
	Fix     string `json:"fix,omitempty"`
}

type result string

const (
	resultOK      result = "ok"
	resultUnknown result = "unknown"
	resultProblem result = "problem"
)

func (e *examination) fine(format string, args ...any) { e.found(resultOK, "", format, args...) }
func (e *examination) unknown(format string, args ...any) {
	e.found(resultUnknown, "", format, args...)
}
func (e *examination) wrong(fix, format string, args ...any) {
	e.found(resultProblem, fix, format, args...)
}

// found adds a finding. Bearers, certificates and answers have texts of others in them, so all of it is made plain.
func (e *examination) found(r result, fix, format string, args ...any) {
	f := finding{r, wrapper.Redact(fmt.Sprintf(format, args...)), fix}
	e.findings = append(e.findings, f)
	if e.asJSON {
		return
	}
	label := string(r)
	if r == resultProblem {
		label = strings.ToUpper(label) // to be seen at a glance
	}
	fmt.Fprintf(e.out, "%-8s %s\n", label, f.Finding)
	if fix != "" {
		fmt.Fprintf(e.out, "         fix: %s\n", fix)
	}
}

// noBearer says why there is no bearer to look at.
func (e *examination) noBearer(err error) {
	var known interface {
		error
		problem() (problem, fix string)
	}
	if errors.As(err, &known) {
		problem, fix := known.problem()
		e.wrong(fix, "%s", problem)
		return
	}
	e.wrong("bring a bearer, or make signing in work", "%v", err)
}

func (e *examination) problems() int {
	n := 0
	for _, f := range e.findings {
		if f.Result == resultProblem {
			n++
		}
	}
	return n
}

func (e *examination) finish() {
	if !e.asJSON {
		return
	}
	encoder := json.NewEncoder(e.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct { // the program looks whether standard output could be written
		Problems int       `json:"problems"`
		Findings []finding `json:"findings"`
	}{e.problems(), e.findings})
}

// asSent returns the bearer as the client would send it, or what keeps the client from it. The client builds the request
// by its own rules, and the transport sends nothing.
func asSent(ctx context.Context, bearer wrapper.BearerFunc) (string, error) {
	var kept unsent
	client, err := wrapper.NewClient(bearer, wrapper.WithHTTPClient(&http.Client{Transport: &kept}),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	if err != nil {
		return "", err
	}
	if _, err := client.GenerateToken(ctx); !errors.Is(err, errUnsent) {
		return "", err
	}
	return kept.bearer, nil
}

var errUnsent = errors.New("not sent")

// unsent is a transport that keeps the bearer of a request instead of sending it.
type unsent struct{ bearer string }

func (u *unsent) RoundTrip(r *http.Request) (*http.Response, error) {
	u.bearer = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return nil, errUnsent
}
