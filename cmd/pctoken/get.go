package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func newGetCommand() *cobra.Command {
	var (
		f      callFlags
		output string
	)
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Exchange an Entra access token for a Partner Center access token",
		Long: `Exchange a Microsoft Entra access token, the bearer, for a Partner Center access token and print it.

` + bearerHelp + `

Standard output carries the result alone, standard error everything else.

` + faultHelp + indent(faultParts(emulator.AtEndpoint)) + `

` + exitCodes,
		Example: `  # a token, signing in by whatever way there is
  pctoken get --tenant-id contoso.onmicrosoft.com

  # a token, from an Entra access token that another command prints
  az account get-access-token --scope https://api.partnercenter.microsoft.com/.default --query accessToken -o tsv |
    pctoken get --bearer-file -

  # without an account: the built-in emulator, failing once so that you see the retry
  pctoken get --emulator --fault 500 --verbose`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show, ok := outputs[output]
			if !ok {
				return usagef("--output %q: it has to be token, json, header or env", output)
			}
			token, err := f.exchange(cmd)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), token)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "token", "`form` to print it in: token, json, header or env")
	complete(cmd, "output", slices.Sorted(maps.Keys(outputs))...)
	return cmd
}
