package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/api"
)

func newVersionCommand() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the contract it follows",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch form {
			case "text":
				_, err := fmt.Fprintln(cmd.OutOrStdout(), cmd.Root().Version)
				return err
			case "json":
				return json.NewEncoder(cmd.OutOrStdout()).Encode(programVersions())
			}
			return usagef("--output %q: it has to be text or json", form)
		},
	}
	cmd.Flags().StringVarP(&form, "output", "o", "text", "`form` to print it in: text or json")
	complete(cmd, "output", "json", "text")
	return cmd
}

// contractVersion finds info.version. Loading the contract as OpenAPI would take longer than getting a token does.
var contractVersion = regexp.MustCompile(`(?m)^  version: (\S+)$`)

// versions are what a report of a bug has to name.
type versions struct {
	Program  string `json:"program"`
	Contract string `json:"contract"`
	Commit   string `json:"commit,omitempty"` // if it was built from one
}

func programVersions() versions {
	v := versions{Program: "(devel)", Contract: string(contractVersion.FindSubmatch(api.Spec)[1])}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Program = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Commit = setting.Value
			}
		}
	}
	return v
}

// programVersion returns the line that version and --version print.
func programVersion() string {
	v := programVersions()
	if v.Commit != "" {
		v.Contract += ", commit " + v.Commit
	}
	return fmt.Sprintf("pctoken %s (contract %s)", v.Program, v.Contract)
}
