package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryCommandHasAManualPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if stdout, stderr, code := pctoken(t, "", "man", dir); code != 0 || stdout+stderr != "" {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	for page, says := range map[string]string{
		"pctoken.1": "Exit codes", "pctoken-get.1": "--bearer-file", "pctoken-exec.1": "--", "pctoken-doctor.1": "--cloud",
		"pctoken-serve.1": "--entra", "pctoken-version.1": "contract",
	} {
		content, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(content), `\-`, "-"), says) {
			t.Errorf("%s: %v, %d bytes", page, err, len(content))
		}
	}
}

func TestShellsCanCompleteCommandsAndValues(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if stdout, stderr, code := pctoken(t, "", "completion", shell); code != 0 || stderr != "" || !strings.Contains(stdout, "pctoken") {
			t.Errorf("%s: exit code %d, %s", shell, code, stderr)
		}
	}
	for want, args := range map[string][]string{
		"doctor":            {"do"},
		"usgov":             {"get", "--cloud", ""},
		"env":               {"get", "--output", ""},
		"text/xml":          {"get", "--accept", "text/"},
		"application/x-www": {"exec", "--content-type", ""},
	} {
		stdout, _, code := pctoken(t, "", append([]string{"__complete"}, args...)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%q: exit code %d, %s", args, code, stdout)
		}
	}
}

func TestAMistypedCommandGetsASuggestion(t *testing.T) {
	if _, stderr, code := pctoken(t, "", "gett"); code != exitUsage || !strings.Contains(stderr, "Did you mean this?; get") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
