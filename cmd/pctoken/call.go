package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

const bearerVariable = "PARTNERCENTER_BEARER"

// bearerHelp tells where the bearer comes from, in the help of every command that takes one.
const bearerHelp = `The bearer comes from the file that --bearer-file names, or else from the environment variable
` + bearerVariable + `, or else from signing in to Entra as azidentity's DefaultAzureCredential does: by
environment variables (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET), workload identity, managed
identity or az login. AZURE_AUTHORITY_HOST names an authority other than the --cloud's. No flag takes a secret:
command lines are public.`

// callFlags are the flags of an exchange as they were typed, for each command that makes one.
type callFlags struct {
	serviceFlags
	legacy, emulator         bool
	faults                   []string
	accept, contentType      string
	requestID, correlationID string
	application              string
	retries                  int
}

// serviceFlags are the flags that say which service it is, as whom, and for how long.
type serviceFlags struct {
	url, cloud, tenantID string
	bearerFile           string
	timeout              time.Duration
	verbose              bool
}

func (f *serviceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "base `URL` of the service, if not the --cloud's own")
	flags.StringVar(&f.cloud, "cloud", "global", "which `cloud` of Microsoft's: global, china or usgov; it sets base URL, authority and scope")
	flags.StringVar(&f.tenantID, "tenant-id", "", "Entra tenant to sign in to, by its `GUID` or domain")
	flags.StringVar(&f.bearerFile, "bearer-file", "", "`file` with the Entra access token; - is standard input")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "time for all of it, retries included; 0 for no limit")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens to standard error")
	complete(cmd, "cloud", slices.Sorted(maps.Keys(clouds))...)
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
	complete(cmd, "accept", string(wrapper.MediaTypeJSON), string(wrapper.MediaTypeTextJSON),
		string(wrapper.MediaTypeXML), string(wrapper.MediaTypeTextXML))
	complete(cmd, "content-type", string(wrapper.MediaTypeForm), string(wrapper.MediaTypeJSON),
		string(wrapper.MediaTypeTextJSON), string(wrapper.MediaTypeXML), string(wrapper.MediaTypeTextXML))
	cmd.MarkFlagsMutuallyExclusive("url", "emulator")
	cmd.MarkFlagsMutuallyExclusive("cloud", "emulator")
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
		return nil, nil, fmt.Errorf("--timeout %s: it cannot be negative", f.timeout)
	}
	if f.timeout == 0 {
		return ctx, func() {}, nil
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	return limited, cancel, nil
}

// logger logs to stderr with --verbose, and nowhere without.
func (f *serviceFlags) logger(stderr io.Writer) *slog.Logger {
	if !f.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// exchange makes the exchange that the flags describe.
func (f *callFlags) exchange(cmd *cobra.Command) (*wrapper.Token, error) {
	ctx, opts, err := f.call(cmd.Context(), f.logger(cmd.ErrOrStderr()))
	if err != nil {
		return nil, err
	}
	bearer, err := f.bearer(cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	if f.emulator {
		faults, err := parseFaults(f.faults)
		if err != nil {
			return nil, err
		}
		server, err := emulator.Start(emulator.WithFaults(faults...))
		if err != nil {
			return nil, err
		}
		defer server.Close()
		opts = append(opts, wrapper.WithBaseURL(server.URL))
	} else if len(f.faults) > 0 {
		return nil, errors.New("--fault needs --emulator: the service's own faults come by themselves")
	}
	client, err := wrapper.NewClient(bearer, opts...)
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := f.limited(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	return client.GenerateToken(ctx)
}

// call turns the flags into what the wrapper takes.
func (f *callFlags) call(ctx context.Context, logger *slog.Logger) (context.Context, []wrapper.Option, error) {
	cloud, err := f.cloudOf()
	if err != nil {
		return nil, nil, err
	}
	if f.retries < 0 {
		return nil, nil, fmt.Errorf("--retries %d: it cannot be negative", f.retries)
	}
	retry := wrapper.Retry{MaxRetries: f.retries}
	if f.retries == 0 {
		retry.MaxRetries = -1 // zero would be the default
	}
	opts := []wrapper.Option{
		wrapper.WithBaseURL(cmp.Or(f.url, cloud.server)),
		wrapper.WithAccept(wrapper.MediaType(f.accept)),
		wrapper.WithMediaType(wrapper.MediaType(f.contentType)),
		wrapper.WithRetry(retry),
		wrapper.WithLogger(logger),
	}
	if f.legacy {
		opts = append(opts, wrapper.WithLegacyEndpoint())
	}
	if f.application != "" {
		opts = append(opts, wrapper.WithApplication(f.application))
	}
	for _, id := range []struct {
		flag, value string
		set         func(context.Context, uuid.UUID) context.Context
	}{
		{"--request-id", f.requestID, wrapper.ContextWithRequestID},
		{"--correlation-id", f.correlationID, wrapper.ContextWithCorrelationID},
	} {
		if id.value == "" {
			continue
		}
		guid, err := uuid.Parse(id.value)
		if err != nil || guid == uuid.Nil {
			return nil, nil, fmt.Errorf("%s %q: it has to be a GUID other than zero", id.flag, id.value)
		}
		ctx = id.set(ctx, guid)
	}
	return ctx, opts, nil
}

// bearer returns where the flags say that the bearer comes from.
func (f *callFlags) bearer(stdin io.Reader) (wrapper.BearerFunc, error) {
	if f.emulator && f.bearerFile == "" {
		return wrapper.StaticBearer("the-emulator-takes-any"), nil
	}
	return f.serviceFlags.bearer(stdin)
}

func (f *serviceFlags) bearer(stdin io.Reader) (wrapper.BearerFunc, error) {
	switch {
	case f.bearerFile == "-":
		token, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("reading the bearer from standard input: %w", err)
		}
		return wrapper.StaticBearer(string(token)), nil
	case f.bearerFile != "":
		token, err := os.ReadFile(f.bearerFile)
		if err != nil {
			return nil, fmt.Errorf("reading the bearer: %w", err)
		}
		return wrapper.StaticBearer(string(token)), nil
	case os.Getenv(bearerVariable) != "":
		return wrapper.StaticBearer(os.Getenv(bearerVariable)), nil
	}
	return f.signIn()
}

const faultUsage = "a `fault` for the next request to meet, given once or more: 500, 429:retry-after=2, delay=3s, reset, truncate, " +
	"html:502, empty:500, malformed, huge, slow=100, 307, content-type=text/plain, 401:code=900420; with times=3, every=10 or " +
	"probability=0.05 for more requests than one"

func parseFaults(specs []string) ([]emulator.Fault, error) {
	var faults []emulator.Fault
	for _, spec := range specs {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
		faults = append(faults, fault)
	}
	return faults, nil
}
