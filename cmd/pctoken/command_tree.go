package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// finishCommands has cobra add its own commands, and has each of them refuse what it does not know. By itself cobra
// answers "pctoken completion nosuch" and "pctoken help nosuch" with a help text and exit code 0.
func finishCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.Flags().Bool("version", false, "print the versions, as pctoken version does")
	showSubcommands(root)
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			showSubcommands(cmd)
			for _, shell := range cmd.Commands() {
				shell.Args = noArguments
			}
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err == nil && topic.HasSubCommands() {
					err = refuseUnknown(topic, rest)
				}
				return err
			}
		}
	}
}

// withoutBackticks takes the marks out of the flags' descriptions that help texts find a value's name by. Shells would
// show them.
func withoutBackticks(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, sub := range cmd.Commands() {
		withoutBackticks(sub)
	}
}

// showSubcommands has a command that does nothing itself show its help, and refuse the name of a command that there
// is not.
func showSubcommands(cmd *cobra.Command) {
	cmd.Args = refuseUnknown
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func refuseUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = "; did you mean " + strings.Join(similar, " or ") + "?"
	}
	return usagef("unknown command %q%s", args[0], hint)
}
