package main

import (
	"regexp"
	"testing"
)

func TestVersion_NamesTheContracts(t *testing.T) {
	stdout, _, code := pctoken(t, "", "version")
	if code != 0 || !regexp.MustCompile(`^pctoken \S+ \(contract \d+\.\d+\.\d+.*\)\n$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}
