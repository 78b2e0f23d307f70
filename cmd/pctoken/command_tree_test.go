package main

import (
	"strings"
	"testing"
)

func TestCompletion_KnowsCommandsAndValues(t *testing.T) {
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
		"azure-cli":         {"doctor", "--credential", "az"},
		"which cloud of":    {"get", "--cl"},
		"a fault for the":   {"serve", "--fa"},
	} {
		stdout, _, code := pctoken(t, "", append([]string{"__complete"}, args...)...)
		if code != 0 || !strings.Contains(stdout, want) || strings.Contains(stdout, "`") {
			t.Errorf("%q: exit code %d, %s", args, code, stdout)
		}
	}
}

func TestCommandTree_SuggestsWhatWasMeant(t *testing.T) {
	if _, stderr, code := pctoken(t, "", "gett"); code != exitUsage || !strings.Contains(stderr, "; did you mean get?") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
