package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// pctoken is the program, built once for all tests.
var pctoken string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "e2e-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		pctoken = filepath.Join(dir, "pctoken")
		build := exec.Command("go", "build", "-o", pctoken, "./cmd/pctoken")
		build.Dir = ".."
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// serve runs pctoken serve until the test ends, and returns the first lines that it printed: its URL, and with TLS the
// certificate to trust.
func serve(t *testing.T, lines int, args ...string) []string {
	t.Helper()
	cmd := exec.Command(pctoken, append([]string{"serve"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve ended with %v", err)
		}
	})
	var printed []string
	for scanner := bufio.NewScanner(stdout); len(printed) < lines && scanner.Scan(); {
		printed = append(printed, scanner.Text())
	}
	if len(printed) < lines {
		t.Fatalf("serve printed %q alone", printed)
	}
	return printed
}

// run runs pctoken with a bearer and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), pctoken, args...)
	cmd.Env = append(os.Environ(), "PARTNERCENTER_BEARER=any-bearer-will-do")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
