//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// become replaces this process by the command, so that its exit code, signals and terminal are its own. It returns only
// if that fails.
func become(path string, args, environment []string) error {
	return failure{fmt.Errorf("running %q: %w", path, syscall.Exec(path, args, environment)), exitCannotRun}
}
