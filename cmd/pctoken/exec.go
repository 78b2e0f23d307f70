package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// tokenVariable is the environment variable that a token is handed on in.
const tokenVariable = "PARTNERCENTER_ACCESS_TOKEN"

// The exit codes by which shells say that a command could not be run.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

func commandToRun(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("name the command to run after --")
	}
	return nil
}

func newExecCommand() *cobra.Command {
	var f callFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARG...]",
		Short: "Run a command with a Partner Center access token in its environment",
		Long: `Get a Partner Center access token and run COMMAND with it in the environment variable
` + tokenVariable + `. The token is on no command line and in no file; the bearer's variable is not handed on.

` + bearerHelp + `

The exit code is COMMAND's own; 126 if it cannot be run, 127 if there is none of the name. Signals reach it. Where there
is no token, the exit code is as with pctoken get.`,
		Example: `  pctoken exec -- sh -c 'curl -H "Authorization: Bearer $` + tokenVariable + `" "$URL"'`,
		Args:    commandToRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			environment := os.Environ() // before signing in, which may change it
			path, err := exec.LookPath(args[0])
			if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
				return failure{fmt.Errorf("there is no command %q", args[0]), exitNotFound}
			}
			if err != nil {
				return failure{err, exitCannotRun}
			}
			token, err := f.exchange(cmd)
			if err != nil {
				return err
			}
			return become(path, args, handOn(environment, token.AccessToken))
		},
	}
	cmd.Flags().SetInterspersed(false) // the flags behind COMMAND are its own
	f.register(cmd)
	return cmd
}

// handOn returns the environment with the token and without the bearer.
func handOn(environment []string, token string) []string {
	var out []string
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); name != bearerVariable && name != tokenVariable {
			out = append(out, variable)
		}
	}
	return append(out, tokenVariable+"="+token)
}
