package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal runs the program with a terminal as its standard error, and returns what that shows.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	programs, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = []string{asProgram + "=1"}
	cmd.Stderr = programs
	err = cmd.Run()
	_ = programs.Close()
	if err != nil {
		t.Error(err)
	}
	shown, _ := io.ReadAll(terminal) // it ends with an error, once nobody has the other side open
	return strings.ReplaceAll(string(shown), "\r\n", "\n")
}

func TestRetryLine_ShowsOnATerminalAlone(t *testing.T) {
	t.Parallel()
	args := []string{"get", "--emulator", "--fault", "500", "--fault", "429:retry-after=1"}
	want := regexp.MustCompile(`^pctoken: 500 Internal Server Error; trying again in \S+ms\npctoken: 429 Too Many Requests; trying again in 1s\n$`)
	if shown := onTerminal(t, args...); !want.MatchString(shown) {
		t.Errorf("the terminal shows %q", shown)
	}
	if shown := onTerminal(t, "get", "--emulator"); shown != "" {
		t.Errorf("without a retry, the terminal shows %q", shown)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = []string{asProgram + "=1"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("a pipe has %q, %v", stderr.String(), err)
	}
}
