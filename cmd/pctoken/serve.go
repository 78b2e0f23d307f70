package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newServeCommand() *cobra.Command {
	var (
		listen string
		faults []string
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the emulator of the token endpoint until interrupted",
		Long: `Serve the emulator of the token endpoint, for programs in any language to get tokens from without an account.

The first line on standard output is its base URL. It listens on loopback only and stops on SIGINT or SIGTERM.`,
		Example: `  # a service that fails twice before it gives tokens
  pctoken serve --listen 127.0.0.1:8080 --fault 500 --fault 429:retry-after=2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, err := startEmulator(listen, faults)
			if err != nil {
				return err
			}
			defer server.Close()
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), server.URL); err != nil {
				return failure{err, exitOther}
			}
			<-cmd.Context().Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 is any free one")
	cmd.Flags().StringArrayVar(&faults, "fault", nil, faultUsage)
	return cmd
}
