//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent is a service that answers with this, and then says nothing more. Each connection is told to connected.
func silent(t *testing.T, says string) (url string, connected <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan struct{}, 16)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			accepted <- struct{}{}
			go func() {
				_, _ = conn.Read(make([]byte, 1)) // a request
				_, _ = io.WriteString(conn, says)
			}()
		}
	}()
	return "http://" + listener.Addr().String(), accepted
}

func TestInterrupt_EndsEveryWaitAsTheTimeoutDoes(t *testing.T) {
	const fifo = "a FIFO, one for each"
	bearer := bearerFile(t, canary)
	mute, _ := silent(t, "")
	inHeaders, _ := silent(t, "HTTP/1.1 200 OK\r\nA: b\r\n")
	inBody, _ := silent(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	for name, args := range map[string][]string{
		"a FIFO that nobody writes to":        {"get", "--bearer-file", fifo},
		"the doctor at a FIFO":                {"doctor", "--bearer-file", fifo},
		"a command's FIFO":                    {"exec", "--bearer-file", fifo, "--", "true"},
		"standard input":                      {"get", "--bearer-file", "-"},
		"a silent service":                    {"get", "--bearer-file", bearer, "--url", mute},
		"the doctor at a silent service":      {"doctor", "--bearer-file", bearer, "--url", mute},
		"a service that stops in the headers": {"get", "--bearer-file", bearer, "--url", inHeaders},
		"a service that stops in the body":    {"get", "--bearer-file", bearer, "--url", inBody},
		"a pause before a retry":              {"get", "--emulator", "--fault", "429:retry-after=50:times=9"},
	} {
		for how, want := range map[string]struct {
			timeout string
			code    int
			says    string
		}{
			"interrupt": {"0", 130, "pctoken: interrupted\n"},
			"timeout":   {"100ms", exitUnavailable, ""},
		} {
			if args[0] == "doctor" && how == "timeout" {
				want.code = exitOther
			}
			if name == "a service that switches protocols" {
				want.code, want.says = exitOther, "101" // nothing to wait for
			}
			if name == "a pause before a retry" && how == "timeout" {
				want.says = "retry after 50s" // known at once to be too long
			}
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if how == "interrupt" {
					time.AfterFunc(100*time.Millisecond, func() { cancel(interruption{os.Interrupt}) })
				}
				stdin, stdinOpen := io.Pipe()
				defer stdinOpen.Close()
				args := slices.Clone(args)
				if args[2] == fifo {
					args[2] = filepath.Join(t.TempDir(), "fifo")
					if err := syscall.Mkfifo(args[2], 0o600); err != nil {
						t.Fatal(err)
					}
					defer openAndClose(t, args[2])
				}
				var stdout, stderr bytes.Buffer
				started := time.Now()
				code := run(ctx, append([]string{args[0], "--timeout", want.timeout}, args[1:]...), stdin, &stdout, &stderr)
				if code != want.code || !strings.Contains(stderr.String(), want.says) {
					t.Errorf("exit code %d, want %d: %s%s", code, want.code, stdout.String(), stderr.String())
				}
				if took := time.Since(started); took > 5*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		}
	}
}

// openAndClose ends the wait of whoever has a FIFO open, or is about to open it.
func openAndClose(t *testing.T, fifo string) {
	t.Helper()
	file, err := os.OpenFile(fifo, os.O_RDWR, 0) // which does not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
}

func TestInterrupt_ComesFromTheTerminalAndFromKill(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		url, connected := silent(t, "")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "get", "--url", url, "--bearer-file", bearerFile(t, canary))
		cmd.Env = []string{asProgram + "=1"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-connected
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != want || stderr.String() != "pctoken: interrupted\n" {
			t.Errorf("%s: %v, %q", signal, cmd.ProcessState, stderr.String())
		}
	}
}
