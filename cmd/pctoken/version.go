package main

import (
	"fmt"
	"runtime/debug"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/api"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the contract it follows",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			contract, err := openapi3.NewLoader().LoadFromData(api.Spec)
			if err != nil {
				return failure{err, exitOther}
			}
			program, commit := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				program = info.Main.Version
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						commit = ", commit " + setting.Value
					}
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "pctoken %s (contract %s%s)\n", program, contract.Info.Version, commit)
			if err != nil {
				return failure{err, exitOther}
			}
			return nil
		},
	}
}
