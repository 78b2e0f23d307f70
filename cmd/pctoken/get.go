package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

const bearerVariable = "PARTNERCENTER_BEARER"

// getFlags are the flags of pctoken get as they were typed.
type getFlags struct {
	url, cloud               string
	legacy, emulator         bool
	bearerFile               string
	faults                   []string
	output                   string
	accept, contentType      string
	requestID, correlationID string
	application              string
	retries                  int
	timeout                  time.Duration
	verbose                  bool
}

func newGetCommand() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Exchange an Entra access token for a Partner Center access token",
		Long: `Exchange a Microsoft Entra access token, the bearer, for a Partner Center access token and print it.

The bearer comes from the file that --bearer-file names, or else from the environment variable
` + bearerVariable + `. With --emulator none is needed. No flag takes a secret: command lines are public.

Standard output carries the result alone, standard error everything else.

` + exitCodes,
		Example: `  # a token, from an Entra access token that another command prints
  az account get-access-token --scope https://api.partnercenter.microsoft.com/.default --query accessToken -o tsv |
    pctoken get --bearer-file -

  # without an account: the built-in emulator, failing once so that you see the retry
  pctoken get --emulator --fault 500 --verbose`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return get(cmd.Context(), f, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "base `URL` of the service, if not one of --cloud's")
	flags.StringVar(&f.cloud, "cloud", "global", "which `cloud` of Microsoft's: global or china")
	flags.BoolVar(&f.legacy, "legacy", false, "use the deprecated POST /generatetoken")
	flags.StringVar(&f.bearerFile, "bearer-file", "", "`file` with the Entra access token; - is standard input")
	flags.BoolVar(&f.emulator, "emulator", false, "call an emulator inside this process instead of the service")
	flags.StringArrayVar(&f.faults, "fault", nil, faultUsage+" (with --emulator)")
	flags.StringVar(&f.output, "output", "token", "`form` to print it in: token, json, header or env")
	flags.StringVar(&f.accept, "accept", string(wrapper.MediaTypeJSON), "media `type` to ask for")
	flags.StringVar(&f.contentType, "content-type", string(wrapper.MediaTypeForm), "media `type` of the request's body")
	flags.StringVar(&f.requestID, "request-id", "", "`GUID` to send as ms-requestid (default a new one)")
	flags.StringVar(&f.correlationID, "correlation-id", "", "`GUID` to send as ms-correlationid (default a new one)")
	flags.StringVar(&f.application, "application", "", "`name` of the calling application, for the service's logs")
	flags.IntVar(&f.retries, "retries", 3, "how many attempts may follow a failed first")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "time for the whole call, retries included; 0 for no limit")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log each attempt to standard error")
	cmd.MarkFlagsMutuallyExclusive("url", "cloud", "emulator")
	return cmd
}

func get(ctx context.Context, f getFlags, stdin io.Reader, stdout, stderr io.Writer) error {
	show, ok := outputs[f.output]
	if !ok {
		return fmt.Errorf("--output %q: it has to be token, json, header or env", f.output)
	}
	ctx, opts, err := f.call(ctx, stderr)
	if err != nil {
		return err
	}
	bearer, err := f.bearer(stdin)
	if err != nil {
		return err
	}
	if f.emulator {
		server, err := startEmulator("127.0.0.1:0", f.faults)
		if err != nil {
			return err
		}
		defer server.Close()
		opts = append(opts, wrapper.WithBaseURL(server.URL))
	} else if len(f.faults) > 0 {
		return errors.New("--fault needs --emulator: the service's own faults come by themselves")
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), opts...)
	if err != nil {
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	token, err := client.GenerateToken(ctx)
	if err != nil {
		return err
	}
	if err := show(stdout, token); err != nil {
		return failure{fmt.Errorf("writing the token: %w", err)}
	}
	return nil
}

// call turns the flags into what the wrapper takes.
func (f getFlags) call(ctx context.Context, stderr io.Writer) (context.Context, []wrapper.Option, error) {
	baseURL := f.url
	if baseURL == "" {
		servers := map[string]string{"global": gen.ServerGlobal, "china": gen.ServerChina}
		if baseURL = servers[f.cloud]; baseURL == "" {
			return nil, nil, fmt.Errorf("--cloud %q: it has to be global or china", f.cloud)
		}
	}
	if f.retries < 0 || f.timeout < 0 {
		return nil, nil, errors.New("--retries and --timeout cannot be negative")
	}
	retry := wrapper.Retry{MaxRetries: f.retries}
	if f.retries == 0 {
		retry.MaxRetries = -1 // zero would be the default
	}
	opts := []wrapper.Option{
		wrapper.WithBaseURL(baseURL),
		wrapper.WithAccept(wrapper.MediaType(f.accept)),
		wrapper.WithMediaType(wrapper.MediaType(f.contentType)),
		wrapper.WithRetry(retry),
	}
	if f.legacy {
		opts = append(opts, wrapper.WithLegacyEndpoint())
	}
	if f.application != "" {
		opts = append(opts, wrapper.WithApplication(f.application))
	}
	if f.verbose {
		handler := slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
		opts = append(opts, wrapper.WithLogger(slog.New(handler)))
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

func (f getFlags) bearer(stdin io.Reader) (string, error) {
	switch {
	case f.bearerFile == "-":
		token, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("reading the bearer from standard input: %w", err)
		}
		return string(token), nil
	case f.bearerFile != "":
		token, err := os.ReadFile(f.bearerFile)
		if err != nil {
			return "", fmt.Errorf("reading the bearer: %w", err)
		}
		return string(token), nil
	case f.emulator:
		return "the-emulator-takes-any", nil
	case os.Getenv(bearerVariable) != "":
		return os.Getenv(bearerVariable), nil
	}
	return "", fmt.Errorf("no bearer: name a file with --bearer-file (- for standard input) or set %s, "+
		"or use --emulator to try without one", bearerVariable)
}

const faultUsage = "a `fault` for the next request to meet, given once or more: 500, 429:retry-after=2, delay=3s, reset, truncate, " +
	"html:502, empty:500, …"

func startEmulator(address string, specs []string) (*emulator.Server, error) {
	var faults []emulator.Fault
	for _, spec := range specs {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
		faults = append(faults, fault)
	}
	return emulator.Listen(address, emulator.WithFaults(faults...))
}
