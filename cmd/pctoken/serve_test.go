package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving runs serve until the test ends, and returns the lines that it printed.
func serving(t *testing.T, lines int, args ...string) []string {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan int)
	go func() {
		code := run(ctx, append([]string{"serve"}, args...), strings.NewReader(""), w, &stderr)
		_ = w.Close()
		done <- code
	}()
	t.Cleanup(func() {
		interrupt()
		if code := <-done; code != 0 {
			t.Errorf("serve ended with %d: %s", code, stderr.String())
		}
		_ = r.Close()
	})
	printed := make([]string, lines)
	for i, reader := 0, bufio.NewReader(r); i < lines; i++ {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", printed[:i], err)
		}
		printed[i] = strings.TrimSpace(line)
	}
	return printed
}

func TestServe_PrintsItsURLAndAnswersUntilInterrupted(t *testing.T) {
	url := serving(t, 1, "--fault", "500")[0]
	stdout, errs, code := pctoken(t, canary, "get", "--url", url, "--bearer-file", "-", "--verbose")
	if code != 0 || stdout == "" || !strings.Contains(errs, "attempt=2") {
		t.Errorf("exit code %d, %q, %s", code, stdout, errs)
	}
}

func TestServe_HandsItsFlagsToTheEmulator(t *testing.T) {
	url := serving(t, 1, "--quota", "1", "--strict", "--graph-retired", "--token-lifetime", "90s", "--idempotency-window", "0", "--seed", "7")[0]
	_, stderr, code := pctoken(t, "opaque", "get", "--url", url, "--bearer-file", "-")
	if code != 3 || !strings.Contains(stderr, "JWT") {
		t.Errorf("--strict: exit code %d, %s", code, stderr)
	}
	graph := signed(t, map[string]any{"aud": "https://graph.windows.net"})
	if _, stderr, code = pctoken(t, graph, "get", "--url", url, "--bearer-file", "-", "--legacy"); code != 3 || !strings.Contains(stderr, "900420") {
		t.Errorf("--graph-retired: exit code %d, %s", code, stderr)
	}
	jwt := signed(t, nil)
	stdout, stderr, code := pctoken(t, jwt, "get", "--url", url, "--bearer-file", "-", "--output", "json")
	if code != 0 || !strings.Contains(stdout, `"expires_in": 90`) {
		t.Errorf("--token-lifetime: exit code %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code = pctoken(t, jwt, "get", "--url", url, "--bearer-file", "-", "--retries", "0"); code != 4 || !strings.Contains(stderr, "429") {
		t.Errorf("--quota: exit code %d, %s", code, stderr)
	}
}

// ask makes a request that has to succeed, and returns the answer's body.
func ask(t *testing.T, method, url, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v: %s", method, url, resp.Status, err, content)
	}
	return content
}

// From nothing but a running serve to a token: sign in there, with the certificate that it wrote.
func TestServe_EntraSignsIn(t *testing.T) {
	dir := t.TempDir()
	printed := serving(t, 2, "--entra", "--cert-dir", dir)
	url, certificate := printed[0], printed[1]
	if certificate != filepath.Join(dir, "pctoken-emulator.pem") {
		t.Errorf("the certificate is %s", certificate)
	}
	stdout, stderr, state := program(t, []string{
		"SSL_CERT_FILE=" + certificate, "AZURE_AUTHORITY_HOST=" + url, "AZURE_TOKEN_CREDENTIALS=EnvironmentCredential",
		"AZURE_TENANT_ID=5a3d9a0c-0000-4000-8000-47c7ecd2edbd", "AZURE_CLIENT_ID=any", "AZURE_CLIENT_SECRET=canary",
	}, "get", "--url", url)
	if state.ExitCode() != 0 || len(stdout) != 27 {
		t.Errorf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
	}
}

func TestServe_RemovesTheCertificateWhereNobodySaidWhere(t *testing.T) {
	var certificate string
	t.Run("serving", func(t *testing.T) {
		certificate = serving(t, 2, "--tls")[1]
		if _, err := os.Stat(certificate); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(filepath.Dir(certificate)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", certificate, err)
	}
}

// startServe runs serve as a process of its own and returns its URL.
func startServe(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"serve"}, args...)...)
	cmd.Env = []string{asProgram + "=1"}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestServe_DrainsOnASignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, url := startServe(t, "--fault", "slow=200")
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v3/generatetoken", strings.NewReader("grant_type=jwt_token"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header = http.Header{"Authorization": {"Bearer any"}, "Accept": {"application/json"},
				"Content-Type": {"application/x-www-form-urlencoded"}}
			resp, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || !bytes.HasSuffix(bytes.TrimSpace(body), []byte("}")) {
				t.Errorf("the answer under way came as %q, %v", body, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServe_EndsAtOnceOnASecondSignal(t *testing.T) {
	cmd, url := startServe(t, "--fault", "delay=1h")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v3/generatetoken", nil)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	for string(ask(t, http.MethodGet, url+"/_emulator/requests", "")) == "[]\n" {
		runtime.Gosched() // until the request is under way
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for done := false; !done; { // it may not have come to the first signal yet
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			done = err != nil
		case <-time.After(10 * time.Millisecond):
		}
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
	if err := <-answered; err == nil {
		t.Error("an answer came")
	}
}

func TestServe_ReplacesALinkAtTheCertificatesPlace(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "pctoken-emulator.pem")); err != nil {
		t.Fatal(err)
	}
	certificate := serving(t, 2, "--tls", "--cert-dir", dir)[1]
	if content, err := os.ReadFile(elsewhere); err != nil || string(content) != "mine" {
		t.Errorf("the link's target holds %q, %v", content, err)
	}
	info, err := os.Lstat(certificate)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("the certificate is %v, %v", info.Mode(), err)
	}
}

func TestServe_IsCalledByTheNamesThatItIsGiven(t *testing.T) {
	url := serving(t, 1, "--listen", "0.0.0.0:0", "--allow-remote-clients", "--host", "emulator.example")[0]
	for host, want := range map[string]int{"emulator.example": http.StatusOK, "elsewhere.example": http.StatusMisdirectedRequest} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
}
