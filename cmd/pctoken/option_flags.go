package main

import (
	"errors"
	"regexp"
	"strings"
)

// optionFlags are the flags that the options of the wrapper and the emulator stand behind.
var optionFlags = map[string]string{
	"WithBaseURL":           "--url",
	"WithAccept":            "--accept",
	"WithMediaType":         "--content-type",
	"WithApplication":       "--application",
	"WithRetry":             "--retries",
	"WithQuota":             "--quota",
	"WithTokenLifetime":     "--token-lifetime",
	"WithIdempotencyWindow": "--idempotency-window",
	"WithHosts":             "--host",
	"WithRemoteClients":     "--allow-remote-clients",
}

var optionError = regexp.MustCompile(`^(?:wrapper|emulator): (\w+)\((.*?)\): `)

// inFlags returns an error of the wrapper's or the emulator's options in the words of the command line.
func inFlags(err error) error {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if parts := optionError.FindStringSubmatch(line); parts != nil && optionFlags[parts[1]] != "" {
			line = optionFlags[parts[1]] + " " + parts[2] + ": " + line[len(parts[0]):]
		}
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(line, "emulator: ")))
	}
	return errors.New(strings.Join(lines, "; "))
}
