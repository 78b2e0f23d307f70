package main

import (
	"encoding/json"
	"regexp"
	"testing"
)

func TestVersion_NamesTheContracts(t *testing.T) {
	stdout, _, code := pctoken(t, "", "version")
	if code != 0 || !regexp.MustCompile(`^pctoken \S+ \(contract \d+\.\d+\.\d+.*\)\n$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestVersion_PrintsJSON(t *testing.T) {
	line, _, _ := pctoken(t, "", "version")
	stdout, _, code := pctoken(t, "", "version", "-o", "json")
	var got struct{ Program, Contract string }
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || got.Program == "" || got.Contract == "" ||
		!regexp.MustCompile(`^pctoken `+regexp.QuoteMeta(got.Program)+` \(contract `+regexp.QuoteMeta(got.Contract)+`[,)]`).MatchString(line) {
		t.Errorf("exit code %d, %v: %s and %s", code, err, stdout, line)
	}
	if _, stderr, code := pctoken(t, "", "version", "-o", "xml"); code != exitUsage {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
