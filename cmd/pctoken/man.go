package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func directoryToWriteTo(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("name one directory to write to")
	}
	return nil
}

// newManCommand is for packagers, who call it once for a release; the help does not show it.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIRECTORY",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args:   directoryToWriteTo,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // a page says the same whenever it is made
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "generatetoken"}, args[0]); err != nil {
				return fmt.Errorf("writing the manual pages: %w", err)
			}
			return nil
		},
	}
}
