package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestExec_RunsACommandWithTheToken(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH"), bearerVariable + "=canary-bearer", tokenVariable + "=canary-old"}
	url := service(t).URL
	script := `echo "$PARTNERCENTER_ACCESS_TOKEN|$PARTNERCENTER_BEARER|$1|$(tr '\0' ' ' </proc/$$/cmdline || ps -o args= -p $$)"; exit 7`
	stdout, stderr, state := program(t, environment, "exec", "--url", url, "--", "sh", "-c", script, "sh", "-v")
	parts := strings.SplitN(strings.TrimSpace(stdout), "|", 4)
	if state.ExitCode() != 7 || len(parts) != 4 || stderr != "" {
		t.Fatalf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
	}
	if token := parts[0]; !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(token) || strings.Contains(parts[3], token) {
		t.Errorf("the command saw %q", stdout)
	}
	if parts[1] != "" || parts[2] != "-v" {
		t.Errorf("the command got the bearer %q and the argument %q", parts[1], parts[2])
	}
}

func TestExec_PassesSignalsOn(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH")}
	_, _, state := program(t, environment, "exec", "--emulator", "--", "sh", "-c", "kill -TERM $$")
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", state)
	}
	// The process is the command itself, so a signal to it is one to the command.
	stdout, _, state := program(t, environment, "exec", "--emulator", "--", "sh", "-c", "trap 'echo caught; exit 3' INT; kill -INT $$; wait")
	if stdout != "caught\n" || state.ExitCode() != 3 {
		t.Errorf("it printed %q and ended with %v", stdout, state)
	}
}

func TestExec_NeedsACommandAndAToken(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH")}
	notExecutable := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no command":           {[]string{"exec", "--emulator"}, 2, "name the command to run after --"},
		"no such command":      {[]string{"exec", "--emulator", "--", "does-not-exist"}, 127, "does-not-exist"},
		"no such file":         {[]string{"exec", "--emulator", "--", "/does/not/exist"}, 127, "/does/not/exist"},
		"no program":           {[]string{"exec", "--emulator", "--", notExecutable}, 126, "permission denied"},
		"no token":             {[]string{"exec", "--emulator", "--fault", "403", "--", "true"}, 3, "403"},
		"no service":           {[]string{"exec", "--emulator", "--fault", "501", "--", "true"}, 4, "501"},
		"a flag of no meaning": {[]string{"exec", "--output", "json", "--", "true"}, 2, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, state := program(t, environment, test.args...)
			if state.ExitCode() != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
			}
		})
	}
}
