package main

import (
	"maps"
	"slices"
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
	requireMFA                 bool
	tls, entra                 bool
	signIn                     string
	singleUse, remote          bool
	hosts                      []string
}

// signIns are the values of --sign-in.
var signIns = map[string]emulator.SignIn{"mfa": {}, "password": {WithoutMFA: true}, "decline": {Declined: true}}

func (f *serveFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 is any free one")
	flags.StringArrayVar(&f.faults, "fault", nil, faultUsage)
	flags.Uint64Var(&f.seed, "seed", 0, "`number` that settles which requests meet faults by chance")
	flags.DurationVar(&f.tokenLifetime, "token-lifetime", time.Hour, "expires_in of the tokens")
	flags.DurationVar(&f.idempotency, "idempotency-window", 10*time.Minute, "how long a request id gets its token again")
	flags.IntVar(&f.quota, "quota", 0, "`requests` that a tenant may make in a minute; 0 for no limit")
	flags.BoolVar(&f.strict, "strict", false, "refuse bearers that are not JWTs")
	flags.BoolVar(&f.graphRetired, "graph-retired", false, "have the legacy endpoint refuse bearers for graph.windows.net")
	flags.BoolVar(&f.requireMFA, "require-mfa", false, "refuse app+user bearers of a sign-in without MFA, with code 900421")
	flags.BoolVar(&f.tls, "tls", false, "serve over TLS")
	flags.BoolVar(&f.entra, "entra", false, "play Entra too; implies --tls, which Entra's clients insist on")
	flags.StringVar(&f.signIn, "sign-in", "", "`how` the person signs in whom Entra asks, by itself: mfa, password or decline (default at a page)")
	flags.BoolVar(&f.singleUse, "single-use-refresh-tokens", false, "have Entra refuse a refresh token that was used, which it does not do by itself")
	flags.StringArrayVar(&f.hosts, "host", nil, "a `name` beside loopback's under which it is called, given once or more")
	flags.BoolVar(&f.remote, "allow-remote-clients", false, "let --listen be no loopback address, as in a container: whoever reaches it gets tokens and can change the emulator")
	flags.StringVar(&f.certDir, "cert-dir", "", "`directory` to write the certificate to (default a temporary one)")
	completeFaults(cmd, emulator.FaultHelp())
	complete(cmd, "sign-in", slices.Sorted(maps.Keys(signIns))...)
}

// options turns the flags into what the emulator takes.
func (f *serveFlags) options() ([]emulator.Option, error) {
	places := []emulator.Place{emulator.AtEndpoint, emulator.AtResource}
	if f.entra {
		places = append(places, emulator.AtEntra)
	}
	faults, err := parseFaults(f.faults, places...)
	if err != nil {
		return nil, err
	}
	opts := append(pages(),
		emulator.WithFaults(faults...), emulator.WithSeed(f.seed), emulator.WithTokenLifetime(f.tokenLifetime),
		emulator.WithIdempotencyWindow(f.idempotency), emulator.WithQuota(f.quota), emulator.WithHosts(f.hosts...))
	for _, o := range []struct {
		given bool
		opt   func() emulator.Option
	}{
		{f.strict, emulator.WithStrictBearers},
		{f.graphRetired, emulator.WithGraphRetired},
		{f.requireMFA, emulator.WithMFARequired},
		{f.entra, func() emulator.Option { return emulator.WithEntra() }},
		{f.singleUse, emulator.WithSingleUseRefreshTokens},
		{f.remote, emulator.WithRemoteClients},
	} {
		if o.given {
			opts = append(opts, o.opt())
		}
	}
	if f.signIn != "" {
		signIn, ok := signIns[f.signIn]
		if !ok {
			return nil, usagef("--sign-in %q: it has to be mfa, password or decline", f.signIn)
		}
		opts = append(opts, emulator.WithAutomaticSignIn(signIn, 0))
	}
	switch {
	case f.certDir != "" && !f.tls && !f.entra:
		return nil, usagef("--cert-dir %s: without --tls or --entra there is no certificate", f.certDir)
	case (f.signIn != "" || f.singleUse) && !f.entra:
		return nil, usagef("--sign-in and --single-use-refresh-tokens need --entra")
	}
	return opts, nil
}
