package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// callFlags are the flags of a command that makes an exchange, as they were typed.
type callFlags struct {
	serviceFlags
	legacy, emulator         bool
	faults                   []string
	accept, contentType      string
	requestID, correlationID string
	application              string
	retries                  int
}

// serviceFlags say which service it is, as whom, and for how long.
type serviceFlags struct {
	entraFlags
	url                    string
	bearerFile, credential string
	timeout                time.Duration
	verbose                bool

	watch        *entraWatch // of the sign-in, once there is one
	bearerSource string      // where the bearer comes from, if it is not from Entra
}

func (f *serviceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "base `URL` of the service, if not the --cloud's own")
	f.entraFlags.register(cmd)
	flags.StringVar(&f.refreshTokenFile, "refresh-token-file", "", "`file` with the refresh token that pctoken login got; each use replaces it")
	flags.StringVar(&f.bearerFile, "bearer-file", "", "`file` with the Entra access token; - is standard input")
	flags.StringVar(&f.credential, "credential", "", "the one `way` to sign in, in place of all that there are: environment, workload-identity, managed-identity, azure-cli, azure-developer-cli or azure-powershell")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "time for all of it, retries included; 0 for no limit")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens to standard error")
	complete(cmd, "credential", credentialNames()...)
	cmd.MarkFlagsMutuallyExclusive("bearer-file", "refresh-token-file", "credential")
}

func (f *callFlags) register(cmd *cobra.Command) {
	f.serviceFlags.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.legacy, "legacy", false, "use the deprecated POST /generatetoken")
	flags.BoolVar(&f.emulator, "emulator", false, "call an emulator inside this process instead; no bearer is needed")
	flags.StringArrayVar(&f.faults, "fault", nil, faultUsage+" (with --emulator)")
	flags.StringVar(&f.accept, "accept", string(wrapper.MediaTypeJSON), "media `type` to ask for")
	flags.StringVar(&f.contentType, "content-type", string(wrapper.MediaTypeForm), "media `type` of the request's body")
	flags.StringVar(&f.requestID, "request-id", "", "`GUID` to send as ms-requestid (default a new one)")
	flags.StringVar(&f.correlationID, "correlation-id", "", "`GUID` to send as ms-correlationid (default a new one)")
	flags.StringVar(&f.application, "application", "", "`name` of the calling application, for the service's logs")
	flags.IntVar(&f.retries, "retries", 3, "how many attempts may follow a failed first")
	completeFaults(cmd, faultParts(emulator.AtEndpoint))
	complete(cmd, "accept", string(wrapper.MediaTypeJSON), string(wrapper.MediaTypeTextJSON),
		string(wrapper.MediaTypeXML), string(wrapper.MediaTypeTextXML))
	complete(cmd, "content-type", string(wrapper.MediaTypeForm), string(wrapper.MediaTypeJSON),
		string(wrapper.MediaTypeTextJSON), string(wrapper.MediaTypeXML), string(wrapper.MediaTypeTextXML))
	cmd.MarkFlagsMutuallyExclusive("url", "emulator")
	cmd.MarkFlagsMutuallyExclusive("cloud", "emulator")
	cmd.MarkFlagsMutuallyExclusive("refresh-token-file", "emulator")
	cmd.MarkFlagsMutuallyExclusive("credential", "emulator")
}

// complete has a shell offer these values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails for a flag that there is not, and for one that has its values already: both are mistakes of this program.
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// limited gives ctx the time that --timeout allows.
func (f *serviceFlags) limited(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if f.timeout < 0 {
		return nil, nil, usagef("--timeout %s: it cannot be negative", f.timeout)
	}
	if f.timeout == 0 {
		return ctx, func() {}, nil
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	return limited, cancel, nil
}

const faultUsage = "a `fault` for the next request to meet, given once or more, such as 500 or 429:retry-after=2"

// faultHelp lists the faults, in the help of the commands that take them.
const faultHelp = "A --fault has one or more of these parts, joined by colons:\n\n"

// faultParts lists the parts that a fault can have which requests to these places meet, a line each.
func faultParts(places ...emulator.Place) string {
	var parts strings.Builder
	for line := range strings.Lines(emulator.FaultHelp()) {
		part, _, _ := strings.Cut(line, " ")
		// What is no fault by itself chooses no place.
		if fault, err := emulator.ParseFault(part); err != nil || slices.Contains(places, fault.Place()) {
			parts.WriteString(line)
		}
	}
	return parts.String()
}

// completeFaults has a shell offer the parts.
func completeFaults(cmd *cobra.Command, parts string) {
	var values []string
	for line := range strings.Lines(parts) {
		part, means, _ := strings.Cut(line, " ")
		values = append(values, part+"\t"+strings.TrimSpace(means))
	}
	complete(cmd, "fault", values...)
}

// placeNames are the places, and what has requests arrive there.
var placeNames = map[emulator.Place]string{
	emulator.AtEndpoint: "the token endpoint",
	emulator.AtEntra:    "Entra, which pctoken serve --entra plays",
	emulator.AtResource: "the resource, which pctoken serve has",
}

func indent(lines string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n  ")
}

// parseFaults reads the faults of requests to these places. A fault of another place would be met by none.
func parseFaults(specs []string, places ...emulator.Place) ([]emulator.Fault, error) {
	var faults []emulator.Fault
	for _, spec := range specs {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return nil, usagef("--%w", err)
		}
		if !slices.Contains(places, fault.Place()) {
			return nil, usagef("--fault %q: no request meets it here, for it is one of %s", spec, placeNames[fault.Place()])
		}
		faults = append(faults, fault)
	}
	return faults, nil
}
