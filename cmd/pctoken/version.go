package main

import (
	"fmt"
	"regexp"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/api"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the contract it follows",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), cmd.Root().Version)
			return err
		},
	}
}

// contractVersion finds info.version. Loading the contract as OpenAPI would take longer than getting a token does.
var contractVersion = regexp.MustCompile(`(?m)^  version: (\S+)$`)

// programVersion returns the line that version and --version print.
func programVersion() string {
	program, commit := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		program = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = ", commit " + setting.Value
			}
		}
	}
	return fmt.Sprintf("pctoken %s (contract %s%s)", program, contractVersion.FindSubmatch(api.Spec)[1], commit)
}
