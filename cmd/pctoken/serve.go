package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// serveFlags are the flags of serve as they were typed.
type serveFlags struct {
	listen, certDir            string
	faults                     []string
	seed                       uint64
	tokenLifetime, idempotency time.Duration
	quota                      int
	strict, graphRetired       bool
	tls, entra                 bool
}

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the emulator of the token endpoint until interrupted",
		Long: `Serve the emulator of the token endpoint, for programs in any language to get tokens from without an account.

The first line on standard output is its base URL, the second, with TLS, the certificate to trust. At the base URL
there is a page to try the endpoint and to watch the requests; /healthz, /openapi.yaml and, for programs that script
the emulator, /_emulator/openapi.yaml. It listens on loopback only. On SIGINT or SIGTERM it takes no more requests
and ends when the last answer is out.`,
		Example: `  # a service that fails twice before it gives tokens
  pctoken serve --listen 127.0.0.1:8080 --fault 500 --fault 429:retry-after=2

  # one that fails for one request in twenty, and throttles
  pctoken serve --fault 500:probability=0.05 --quota 600

  # Entra too: sign in with any client and secret, and go on to the token
  pctoken serve --entra --listen 127.0.0.1:8443 --cert-dir .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.serve(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 is any free one")
	flags.StringArrayVar(&f.faults, "fault", nil, faultUsage)
	flags.Uint64Var(&f.seed, "seed", 0, "`number` that settles which requests meet faults by chance")
	flags.DurationVar(&f.tokenLifetime, "token-lifetime", time.Hour, "expires_in of the tokens")
	flags.DurationVar(&f.idempotency, "idempotency-window", 10*time.Minute, "how long a request id gets its token again")
	flags.IntVar(&f.quota, "quota", 0, "`requests` that a tenant may make in a minute; 0 for no limit")
	flags.BoolVar(&f.strict, "strict", false, "refuse bearers that are not JWTs")
	flags.BoolVar(&f.graphRetired, "graph-retired", false, "have the legacy endpoint refuse bearers for graph.windows.net")
	flags.BoolVar(&f.tls, "tls", false, "serve over TLS")
	flags.BoolVar(&f.entra, "entra", false, "play Entra's token endpoint too; implies --tls, which Entra's clients insist on")
	flags.StringVar(&f.certDir, "cert-dir", "", "`directory` to write the certificate to (default a temporary one)")
	return cmd
}

// drainTime is how long serve waits for the last answers: less than what container runtimes allow.
const drainTime = 5 * time.Second

func (f *serveFlags) serve(ctx context.Context, stdout, stderr io.Writer) error {
	faults, err := parseFaults(f.faults)
	if err != nil {
		return err
	}
	opts := append(pages(),
		emulator.WithFaults(faults...), emulator.WithSeed(f.seed), emulator.WithTokenLifetime(f.tokenLifetime),
		emulator.WithIdempotencyWindow(f.idempotency), emulator.WithQuota(f.quota))
	if f.strict {
		opts = append(opts, emulator.WithStrictBearers())
	}
	if f.graphRetired {
		opts = append(opts, emulator.WithGraphRetired())
	}
	listen := emulator.Listen
	if f.entra {
		opts = append(opts, emulator.WithEntra())
	}
	if f.tls || f.entra {
		listen = emulator.ListenTLS
	} else if f.certDir != "" {
		return usagef("--cert-dir %s: without --tls or --entra there is no certificate", f.certDir)
	}
	server, err := listen(f.listen, opts...)
	if err != nil {
		return f.cannotListen(err)
	}
	defer server.Close()
	output := server.URL + "\n"
	hint := fmt.Sprintf("Serving the emulator; open %s/ to watch it, end it with Ctrl-C.\n", server.URL)
	if server.Authority() != nil {
		certificate, remove, err := f.writeCertificate(server)
		if err != nil {
			return err
		}
		defer remove()
		output += certificate + "\n"
		hint += fmt.Sprintf("To trust its certificate: SSL_CERT_FILE=%[1]s, NODE_EXTRA_CA_CERTS=%[1]s, curl --cacert %[1]s\n", certificate)
	}
	if f.entra {
		hint += fmt.Sprintf("To sign in here: AZURE_AUTHORITY_HOST=%s, any tenant, client and secret.\n", server.URL)
	}
	if _, err := io.WriteString(stdout, output); err != nil {
		return err
	}
	_, _ = io.WriteString(stderr, hint)
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return failure{fmt.Errorf("requests were under way for longer than %s and have been cut off", drainTime), exitOther}
	}
	return nil
}

// cannotListen returns the error of starting the emulator: wrong usage, unless it is the machine that cannot do it.
func (f *serveFlags) cannotListen(err error) error {
	var network *net.OpError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("another program listens on %s: end it, or choose another port by --listen, such as 127.0.0.1:0 for a free one", f.listen)
	case errors.As(err, &network):
		return fmt.Errorf("listening on %s: %w", f.listen, network.Err)
	}
	return usageError{inFlags(err)}
}

// writeCertificate writes what a client has to trust, and returns where and how to remove it.
func (f *serveFlags) writeCertificate(server *emulator.Server) (path string, remove func(), err error) {
	dir, remove := f.certDir, func() {}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pctoken-"); err != nil {
			return "", nil, err
		}
		remove = func() { _ = os.RemoveAll(dir) }
	}
	path, err = filepath.Abs(filepath.Join(dir, "pctoken-emulator.pem"))
	if err != nil {
		return "", nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Authority().Raw})
	if err := replaceFile(path, certificate); err != nil {
		remove()
		return "", nil, fmt.Errorf("writing the certificate: %w", err)
	}
	return path, remove, nil
}

// replaceFile writes a file that everybody may read. Where path is a symbolic link, the link is replaced, and not what it
// points to.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".pctoken-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // there is none once it has its name
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
