package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
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

func TestServePrintsItsURLAndAnswersUntilInterrupted(t *testing.T) {
	url := serving(t, 1, "--fault", "500")[0]
	stdout, errs, code := pctoken(t, canary, "get", "--url", url, "--bearer-file", "-", "--verbose")
	if code != 0 || stdout == "" || !strings.Contains(errs, "attempt=2") {
		t.Errorf("exit code %d, %q, %s", code, stdout, errs)
	}
}

func TestServesFlagsReachTheEmulator(t *testing.T) {
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

// Every documented fault, set in each of the ways there are, and what the wrapper makes of it with one retry.
func TestWhatFaultsCostACall(t *testing.T) {
	const hour = time.Hour
	type outcome struct {
		attempts int
		kind     error // nil for a token, or for an error of no kind
		status   int   // of an error
		says     string
	}
	token := func(attempts int) outcome { return outcome{attempts: attempts} }
	for spec, test := range map[string]struct {
		fault emulator.Fault
		want  outcome
	}{
		"500":             {emulator.Fault{Status: 500}, token(2)},
		"503":             {emulator.Fault{Status: 503}, token(2)},
		"400":             {emulator.Fault{Status: 400}, outcome{1, wrapper.ErrBadRequest, 400, "800002"}},
		"403":             {emulator.Fault{Status: 403}, outcome{1, wrapper.ErrForbidden, 403, "2032"}},
		"501":             {emulator.Fault{Status: 501}, outcome{1, wrapper.ErrServer, 501, "501"}},
		"401:code=900420": {emulator.Fault{Status: 401, Code: "900420"}, outcome{1, wrapper.ErrUnauthorized, 401, ".default"}},
		"429:retry-after=3600": {emulator.Fault{Status: 429, RetryAfter: hour},
			outcome{1, wrapper.ErrThrottled, 429, "1h0m0s"}},
		"429:retry-after-date=3600": {emulator.Fault{Status: 429, RetryAfter: hour, RetryAfterDate: true},
			outcome{1, wrapper.ErrThrottled, 429, "retry after "}},
		"307":                            {emulator.Fault{Status: 307}, outcome{1, nil, 307, "307"}},
		"302:location=https://a.example": {emulator.Fault{Status: 302, Location: "https://a.example"}, outcome{1, nil, 302, "302"}},
		"502:html":                       {emulator.Fault{Status: 502, Body: emulator.BodyHTML}, token(2)},
		"403:html":                       {emulator.Fault{Status: 403, Body: emulator.BodyHTML}, outcome{1, wrapper.ErrForbidden, 403, "403"}},
		"html":                           {emulator.Fault{Body: emulator.BodyHTML}, outcome{1, wrapper.ErrServer, 200, "text/html"}},
		"500:empty":                      {emulator.Fault{Status: 500, Body: emulator.BodyEmpty}, token(2)},
		"empty":                          {emulator.Fault{Body: emulator.BodyEmpty}, outcome{1, wrapper.ErrServer, 200, "0 bytes"}},
		"malformed":                      {emulator.Fault{Body: emulator.BodyMalformed}, outcome{1, wrapper.ErrServer, 200, "no usable access token"}},
		"huge":                           {emulator.Fault{Body: emulator.BodyHuge}, outcome{1, wrapper.ErrServer, 200, "1 MiB"}},
		"content-type=text/plain":        {emulator.Fault{ContentType: "text/plain"}, outcome{1, wrapper.ErrServer, 200, "text/plain"}},
		"delay=1h":                       {emulator.Fault{Delay: hour}, token(2)},
		"slow=1":                         {emulator.Fault{BytesPerSecond: 1}, token(2)},
		"truncate":                       {emulator.Fault{Truncate: true}, token(2)},
		"reset":                          {emulator.Fault{Reset: true}, token(2)},
		"reset-after-headers":            {emulator.Fault{ResetAfterHeaders: true}, token(2)},
		"500:times=2":                    {emulator.Fault{Status: 500, Times: 2}, outcome{2, wrapper.ErrServer, 500, "800003"}},
		"500:every=2":                    {emulator.Fault{Status: 500, Every: 2}, token(1)},
		"500:probability=1":              {emulator.Fault{Status: 500, Probability: 1}, outcome{2, wrapper.ErrServer, 500, "800003"}},
	} {
		for way, start := range map[string]func(t *testing.T) string{
			"Go": func(t *testing.T) string {
				server, err := emulator.Start(emulator.WithFaults(test.fault))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(server.Close)
				return server.URL
			},
			"flag": func(t *testing.T) string { return serving(t, 1, "--fault", spec)[0] },
			"admin API": func(t *testing.T) string {
				url := serving(t, 1)[0]
				ask(t, http.MethodPut, url+"/_emulator/faults", fmt.Sprintf("[%q]", spec))
				return url
			},
		} {
			t.Run(spec+" by "+way, func(t *testing.T) {
				t.Parallel()
				transport := &http.Transport{}
				t.Cleanup(transport.CloseIdleConnections)
				url := start(t)
				client, err := wrapper.NewClient(wrapper.StaticBearer(canary),
					wrapper.WithBaseURL(url), wrapper.WithHTTPClient(&http.Client{Transport: transport}),
					wrapper.WithRetry(wrapper.Retry{MaxRetries: 1, Delay: 1, AttemptTimeout: 2 * time.Second}))
				if err != nil {
					t.Fatal(err)
				}
				token, err := client.GenerateToken(t.Context())
				var e *wrapper.Error
				switch {
				case test.want.status == 0:
					if err != nil || token.AccessToken == "" {
						t.Errorf("got %v, %v", token, err)
					}
				case !errors.As(err, &e) || e.StatusCode != test.want.status || e.Attempts != test.want.attempts ||
					test.want.kind != nil && !errors.Is(err, test.want.kind) || !strings.Contains(err.Error(), test.want.says):
					t.Errorf("got %v", err)
				}
				var requests []emulator.Request
				if err := json.Unmarshal(ask(t, http.MethodGet, url+"/_emulator/requests", ""), &requests); err != nil {
					t.Fatal(err)
				}
				if len(requests) != test.want.attempts {
					t.Errorf("%d attempts, want %d", len(requests), test.want.attempts)
				}
			})
		}
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

func TestThePagesNeedNothingFromElsewhere(t *testing.T) {
	url := serving(t, 1)[0]
	page := ask(t, http.MethodGet, url+"/", "")
	for _, reference := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(page, -1) {
		if len(ask(t, http.MethodGet, url+string(reference[1]), "")) == 0 {
			t.Errorf("%s is empty", reference[1])
		}
	}
	for name, content := range map[string][]byte{"/": page, "/_emulator/": ask(t, http.MethodGet, url+"/_emulator/", "")} {
		if elsewhere := regexp.MustCompile(`(?:src|href|url\()[="']*https?:`).Find(content); elsewhere != nil {
			t.Errorf("%s refers to %s", name, elsewhere)
		}
	}
	if requests := ask(t, http.MethodGet, url+"/_emulator/requests", ""); string(requests) != "[]\n" {
		t.Errorf("looking at the pages made requests: %s", requests)
	}
}

// From nothing but a running serve to a token: sign in there, with the certificate that it wrote.
func TestServeEntraSignsIn(t *testing.T) {
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

func TestTheCertificateGoesWithServeWhereNobodySaidWhere(t *testing.T) {
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

func TestServeDrainsOnASignal(t *testing.T) {
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

func TestASecondSignalEndsServeAtOnce(t *testing.T) {
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
