package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMan_HasAPageForEveryCommand(t *testing.T) {
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
