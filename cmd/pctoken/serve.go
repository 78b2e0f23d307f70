package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the emulator of the token endpoint until interrupted",
		Long: `Serve the emulator of the token endpoint, for programs in any language to get tokens from without an account.

The first line on standard output is its base URL, the second, with TLS, the certificate to trust. At the base URL
there is a page to try the endpoint and to watch the requests; /healthz, /openapi.yaml and, for programs that script
the emulator, /_emulator/openapi.yaml. It listens on loopback only, unless --allow-remote-clients is given. On SIGINT or
SIGTERM it takes no more requests and ends when the last answer is out.

With --entra it plays Microsoft Entra, too: applications sign in with any secret but "wrong" and "expired", and a person
signs in at the page that pctoken login names, or by itself with --sign-in.

` + faultHelp + indent(emulator.FaultHelp()),
		Example: `  # a service that fails twice before it gives tokens
  pctoken serve --listen 127.0.0.1:8080 --fault 500 --fault 429:retry-after=2

  # one that fails for one request in twenty, and throttles
  pctoken serve --fault 500:probability=0.05 --quota 600

  # Entra too, for applications and for people with MFA: standard error says how to sign in
  pctoken serve --entra --require-mfa --listen 127.0.0.1:8443 --cert-dir .`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.serve(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	return cmd
}

// drainTime is how long serve waits for the last answers: less than what container runtimes allow.
const drainTime = 5 * time.Second

// signInHint says how to sign in to the emulator's Entra from another shell.
const signInHint = `To sign in here, in another shell:
  export SSL_CERT_FILE=%[1]s AZURE_AUTHORITY_HOST=%[2]s AZURE_TENANT_ID=any AZURE_CLIENT_ID=any
As an application:
  AZURE_CLIENT_SECRET=any pctoken get --url %[2]s
As a person:
  pctoken login --refresh-token-file refresh-token
  pctoken get --url %[2]s --refresh-token-file refresh-token
To approve the code that login shows, without the page:
  curl --cacert %[1]s -d '{"userCode": "CODE"}' %[2]s/_emulator/devicecodes
A Go service signs in here with azidentity.DefaultAzureCredentialOptions{DisableInstanceDiscovery: true} and
wrapper.WithBaseURL("%[2]s"). Go does not read SSL_CERT_FILE on macOS and Windows: there, add the certificate to
those that the system trusts.
`

func (f *serveFlags) serve(ctx context.Context, stdout, stderr io.Writer) error {
	opts, err := f.options()
	if err != nil {
		return err
	}
	listen := emulator.Listen
	if f.tls || f.entra {
		listen = emulator.ListenTLS
	}
	server, err := listen(f.listen, opts...)
	if err != nil {
		return f.cannotListen(err)
	}
	defer server.Close()
	output, certificate := server.URL+"\n", ""
	hint := fmt.Sprintf("Serving the emulator; open %s/ to watch it, end it with Ctrl-C.\n", server.URL)
	if server.Authority() != nil {
		var remove func()
		if certificate, remove, err = f.writeCertificate(server); err != nil {
			return err
		}
		defer remove()
		output += certificate + "\n"
		hint += fmt.Sprintf("To trust its certificate: SSL_CERT_FILE=%[1]s, NODE_EXTRA_CA_CERTS=%[1]s, curl --cacert %[1]s\n", certificate)
	}
	if f.entra {
		hint += fmt.Sprintf(signInHint, quoteForShell(certificate), server.URL)
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
	if host, _, splitErr := net.SplitHostPort(f.listen); splitErr == nil && !f.remote && host != "" {
		if ip, parseErr := netip.ParseAddr(host); parseErr == nil && !ip.IsLoopback() {
			return usagef("--listen %s is not on loopback: use 127.0.0.1, or see --allow-remote-clients", f.listen)
		}
	}
	return usageError{inFlags(err)}
}
