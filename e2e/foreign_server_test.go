package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// startForeign runs a server that nobody here wrote until the test ends, and returns its URL. The command is for a port
// of loopback that is free; the server is ready when it prints a line that contains ready.
func startForeign(t *testing.T, ready string, command func(host, port string) []string) string {
	t.Helper()
	// Such servers have to be told their port, so one is chosen and let go of just before.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	args := command(host, port)
	server := exec.CommandContext(t.Context(), args[0], args[1:]...)
	server.WaitDelay = 5 * time.Second
	server.Env = append(os.Environ(), "HOME="+t.TempDir()) // where some keep logs and settings
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = server.Stdout
	if err := server.Start(); err != nil {
		t.Fatalf("%v: run 'make e2e', which installs %s", err, args[0])
	}
	var log strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), ready) {
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				_, _ = io.Copy(io.Discard, stdout) // or the server stops when the pipe is full
			}()
			t.Cleanup(func() {
				<-drained // the test's context has ended the server
				_ = server.Wait()
			})
			return "http://" + net.JoinHostPort(host, port)
		}
	}
	t.Fatalf("%s did not start: %v\n%s", args[0], server.Wait(), log.String())
	return ""
}

// Mockoon answers every operation with its first status in its first media type, JSON, and takes each member from the
// schema's own example. It does not look at the request. So what it can show is that a client copes with a server of
// another make: headers of its own, a charset in Content-Type.
func startMockoon(t *testing.T) string {
	t.Helper()
	return startForeign(t, "Server started", func(host, port string) []string {
		return []string{
			"node_modules/.bin/mockoon-cli", "start", "--data", specFile, "--hostname", host, "--port", port,
			"--disable-log-to-file", "--disable-admin-api", "--disable-tls", "--proxy", "disabled",
		}
	})
}

func TestForeignServers_GivePctokenTokens(t *testing.T) {
	allTypes := append([]wrapper.MediaType{wrapper.MediaTypeTextJSON, wrapper.MediaTypeXML, wrapper.MediaTypeTextXML}, requestTypes...)
	for _, foreign := range []struct {
		name         string
		url          string
		requestTypes []wrapper.MediaType
		accepts      []wrapper.MediaType
	}{
		{"Prism", startPrism(t, "mock", specFile), requestTypes, []wrapper.MediaType{wrapper.MediaTypeJSON, wrapper.MediaTypeXML}},
		{"Mockoon", startMockoon(t), allTypes, []wrapper.MediaType{wrapper.MediaTypeJSON}},
	} {
		tokens := judge{name: foreign.name + ", tokens for pctoken"}
		for _, operation := range [][]string{nil, {"--legacy"}} {
			for _, requestType := range foreign.requestTypes {
				for _, accept := range foreign.accepts {
					tokens.run(t, fmt.Sprintf("%s, %v, %s to %s", foreign.name, operation, requestType, accept), func(t *testing.T) {
						args := append([]string{
							"get", "--url", foreign.url, "--retries", "0",
							"--content-type", string(requestType), "--accept", string(accept),
						}, operation...)
						out, err := run(t, args...)
						if err != nil || out != "synthetic-partner-center-access-token\n" {
							t.Errorf("%v: %s", err, out)
						}
					})
				}
			}
		}
		tokens.report(t)
	}
}
