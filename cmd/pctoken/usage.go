package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What cobra and pflag say of a wrong usage is said here in this program's words.

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments", cmd.Name())
	}
	return nil
}

var setTogether = regexp.MustCompile(`\[([^]]*)\] were all set$`)

// inOwnWords returns an error of flags that exclude each other.
func inOwnWords(err error) error {
	set := setTogether.FindStringSubmatch(err.Error())
	if set == nil {
		return err
	}
	return usagef("--%s exclude each other", strings.Join(strings.Fields(set[1]), " and --"))
}

// flagError returns the error of a flag that cannot be read.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		return usagef("unknown flag: --%s%s", unknown.GetSpecifiedName(), similarFlags(cmd, unknown.GetSpecifiedName()))
	case errors.As(err, &invalid) && valueForms[invalid.GetFlag().Value.Type()] != "":
		flag := invalid.GetFlag()
		return usagef("--%s %q: it has to be %s", flag.Name, invalid.GetValue(), valueForms[flag.Value.Type()])
	}
	return err
}

// valueForms are what values of pflag's types look like.
var valueForms = map[string]string{
	"bool":     "true or false",
	"duration": "a time with its unit, such as 5s or 2m",
	"int":      "a whole number",
	"uint64":   "a whole number, 0 or more",
}

// similarFlags returns a question with the flags whose names are like name, by cobra's own measure for commands.
func similarFlags(cmd *cobra.Command, name string) string {
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Hidden: f.Hidden, Run: func(*cobra.Command, []string) {}})
	})
	similar := names.SuggestionsFor(name)
	if len(similar) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean --%s?", strings.Join(similar, " or --"))
}
