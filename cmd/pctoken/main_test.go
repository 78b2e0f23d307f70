package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	// No test may depend on, or send, what the developer's own environment holds.
	_ = os.Unsetenv(bearerVariable)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		os.Exit(code)
	}))
}

// asProgram is the environment variable that makes the test binary the program itself, for tests that need a process.
const asProgram = "PCTOKEN_TEST_AS_PROGRAM"

const canary = "canary.bearer.0123456789"

// pctoken runs the program and returns what it printed and its exit code.
func pctoken(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, printed := range []string{out.String(), errs.String()} {
		if strings.Contains(printed, "canary") {
			t.Errorf("the bearer was printed: %s", printed)
		}
	}
	return out.String(), errs.String(), code
}

func TestGetPrintsTheResultAlone(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"the token by default": {nil, `^[A-Z2-7]{26}\n$`},
		"the token":            {[]string{"--output", "token"}, `^[A-Z2-7]{26}\n$`},
		"a header":             {[]string{"--output", "header"}, `^Authorization: Bearer [A-Z2-7]{26}\n$`},
		"a variable":           {[]string{"--output", "env"}, `^PARTNERCENTER_ACCESS_TOKEN=[A-Z2-7]{26}\n$`},
		"from the legacy one":  {[]string{"--legacy"}, `^[A-Z2-7]{26}\n$`},
		"by way of XML":        {[]string{"--accept", "text/xml", "--content-type", "application/xml"}, `^[A-Z2-7]{26}\n$`},
		"after a retry":        {[]string{"--fault", "503"}, `^[A-Z2-7]{26}\n$`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := pctoken(t, "", append([]string{"get", "--emulator"}, test.args...)...)
			if code != 0 || stderr != "" || !regexp.MustCompile(test.want).MatchString(stdout) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestGetPrintsJSON(t *testing.T) {
	stdout, _, code := pctoken(t, "", "get", "--emulator", "--output", "json",
		"--request-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01", "--correlation-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02")
	var got struct {
		AccessToken   string    `json:"access_token"`
		TokenType     string    `json:"token_type"`
		ExpiresIn     int       `json:"expires_in"`
		ExpiresAt     time.Time `json:"expires_at"`
		RequestID     string    `json:"request_id"`
		CorrelationID string    `json:"correlation_id"`
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v in %s", code, err, stdout)
	}
	left := time.Until(got.ExpiresAt)
	if got.AccessToken == "" || got.TokenType != "bearer" || got.ExpiresIn < 3590 || got.ExpiresIn > 3600 ||
		left < 59*time.Minute || left > time.Hour ||
		got.RequestID != "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01" || got.CorrelationID != "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02" {
		t.Errorf("printed %s", stdout)
	}
}

func TestGetSendsWhatItsFlagsSay(t *testing.T) {
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, stderr, code := pctoken(t, canary+"\n", "get", "--url", server.URL, "--bearer-file", "-", "--legacy",
		"--accept", "text/json", "--content-type", "application/json", "--application", "billing")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	r := server.Requests()[0]
	if r.Path != "/generatetoken" || r.Header.Get("Accept") != "text/json" ||
		r.Header.Get("Content-Type") != "application/json" || r.Header.Get("MS-PartnerCenter-Application") != "billing" {
		t.Errorf("sent %v", r)
	}
}

func TestTheBearerComesFromAFileStandardInputOrTheEnvironment(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(file, []byte(canary+".file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(bearerVariable, canary+".environment")
	for want, args := range map[string][]string{
		"file": {"--bearer-file", file}, "stdin": {"--bearer-file", "-"}, "environment": nil,
	} {
		_, stderr, code := pctoken(t, canary+".stdin", append([]string{"get", "--url", server.URL}, args...)...)
		if code != 0 || got != "Bearer "+canary+"."+want {
			t.Errorf("%s: exit code %d, sent %q, %s", want, code, got, stderr)
		}
	}
}

func TestVerboseLogsEveryAttempt(t *testing.T) {
	stdout, stderr, code := pctoken(t, "", "get", "--emulator", "--fault", "500", "--verbose")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 0 || len(lines) != 2 {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	ids := regexp.MustCompile(`request_id=\S+ correlation_id=\S+$`)
	if ids.FindString(lines[0]) == "" || ids.FindString(lines[0]) != ids.FindString(lines[1]) {
		t.Errorf("the ids of the attempts differ: %q", stderr)
	}
	if !strings.Contains(lines[0], "500 Internal Server Error") || !strings.Contains(lines[0], "retry_in=") {
		t.Errorf("the first attempt is logged as %q", lines[0])
	}
	if token := strings.TrimSpace(stdout); strings.Contains(stderr, token) {
		t.Error("the token is in the log")
	}
}

func TestExitCodes(t *testing.T) {
	nobody := httptest.NewServer(nil)
	nobody.Close()
	tests := map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"bad request":        {args: []string{"get", "--emulator", "--fault", "400"}, code: 3, says: "400 Bad Request, code 800002"},
		"unauthorized":       {args: []string{"get", "--emulator", "--fault", "401:code=900420"}, code: 3, says: "ask Entra for a token of scope"},
		"forbidden":          {args: []string{"get", "--emulator", "--fault", "403"}, code: 3, says: "403 Forbidden, code 2032"},
		"not found":          {args: []string{"get", "--emulator", "--fault", "404"}, code: 3, says: "404 Not Found"},
		"throttled":          {args: []string{"get", "--emulator", "--fault", "429:retry-after=90"}, code: 4, says: "retry after 1m30s"},
		"failed":             {args: []string{"get", "--emulator", "--fault", "500", "--retries", "0"}, code: 4, says: "attempts 1"},
		"no such function":   {args: []string{"get", "--emulator", "--fault", "501"}, code: 4, says: "501"},
		"a gateway's page":   {args: []string{"get", "--emulator", "--fault", "html:502", "--retries", "0"}, code: 4, says: "502 Bad Gateway"},
		"an empty answer":    {args: []string{"get", "--emulator", "--fault", "empty:500", "--retries", "0"}, code: 4, says: "500 Internal Server Error (request id"},
		"reset":              {args: []string{"get", "--emulator", "--fault", "reset", "--retries", "0"}, code: 4, says: "connection reset"},
		"cut off":            {args: []string{"get", "--emulator", "--fault", "truncate", "--retries", "0"}, code: 4, says: "broke off"},
		"refused":            {args: []string{"get", "--url", nobody.URL, "--bearer-file", "-", "--retries", "0"}, stdin: canary, code: 4, says: "connection refused"},
		"no time left":       {args: []string{"get", "--emulator", "--fault", "delay=1m", "--timeout", "20ms"}, code: 4, says: "deadline"},
		"no time at all":     {args: []string{"get", "--emulator", "--timeout", "1ns"}, code: 4, says: "deadline"},
		"a redirect":         {args: []string{"get", "--emulator", "--fault", "302"}, code: 1, says: "redirects are not followed"},
		"unknown command":    {args: []string{"fetch"}, code: 2, says: `unknown command "fetch"`},
		"unknown flag":       {args: []string{"get", "--token", "x"}, code: 2, says: "unknown flag: --token"},
		"an argument":        {args: []string{"get", "x"}, code: 2, says: "pctoken get --help"},
		"no such file":       {args: []string{"get", "--bearer-file", "/does/not/exist"}, code: 2, says: "/does/not/exist"},
		"an empty bearer":    {args: []string{"get", "--bearer-file", "-"}, code: 2, says: "it is empty"},
		"a bearer of two":    {args: []string{"get", "--bearer-file", "-"}, stdin: "canary\ncanary\n", code: 2, says: "line break"},
		"unknown output":     {args: []string{"get", "--emulator", "--output", "yaml"}, code: 2, says: `--output "yaml"`},
		"unknown cloud":      {args: []string{"get", "--cloud", "moon"}, code: 2, says: `--cloud "moon"`},
		"two places":         {args: []string{"get", "--cloud", "china", "--emulator"}, code: 2, says: "cloud emulator"},
		"http":               {args: []string{"get", "--url", "http://service.example", "--bearer-file", "-"}, stdin: canary, code: 2, says: "in the clear"},
		"wrong media types":  {args: []string{"get", "--emulator", "--accept", "a/b", "--content-type", "c/d"}, code: 2, says: `"c/d"`},
		"a bad id":           {args: []string{"get", "--emulator", "--request-id", "7"}, code: 2, says: `--request-id "7"`},
		"the zero id":        {args: []string{"get", "--emulator", "--correlation-id", "00000000-0000-0000-0000-000000000000"}, code: 2, says: "--correlation-id"},
		"negative retries":   {args: []string{"get", "--emulator", "--retries", "-1"}, code: 2, says: "--retries -1"},
		"negative timeout":   {args: []string{"get", "--emulator", "--timeout", "-1s"}, code: 2, says: "--timeout -1s"},
		"an unknown fault":   {args: []string{"get", "--emulator", "--fault", "fire"}, code: 2, says: `--fault "fire"`},
		"a fault for real":   {args: []string{"get", "--bearer-file", "-", "--fault", "500"}, stdin: canary, code: 2, says: "--fault needs --emulator"},
		"serve to everybody": {args: []string{"serve", "--listen", "0.0.0.0:0"}, code: 2, says: "loopback"},
		"serve with a fault": {args: []string{"serve", "--fault", "fire"}, code: 2, says: `--fault "fire"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := pctoken(t, test.stdin, test.args...)
			if code != test.code || stdout != "" {
				t.Errorf("exit code %d, want %d; stdout %q", code, test.code, stdout)
			}
			if !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "pctoken: ") {
				t.Errorf("stderr is %q, want one line that says %q", stderr, test.says)
			}
		})
	}
}

func TestAnErrorOfTheServiceIsOneLineWithEverythingInIt(t *testing.T) {
	_, stderr, _ := pctoken(t, "", "get", "--emulator", "--fault", "403", "--request-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01",
		"--correlation-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02")
	want := "pctoken: generate token: 403 Forbidden, code 2032 from emulator: the emulator was told to answer this " +
		"(request id 0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01, correlation id 0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02, attempts 1); " +
		"the application or user lacks the rights for this in Partner Center\n"
	if stderr != want {
		t.Errorf("got  %s\nwant %s", stderr, want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestATokenThatCannotBePrintedIsAFailure(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"get", "--emulator"}, strings.NewReader(""), brokenPipe{}, &stderr)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code != 1 || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

func TestVersionNamesTheContracts(t *testing.T) {
	stdout, _, code := pctoken(t, "", "version")
	if code != 0 || !regexp.MustCompile(`^pctoken \S+ \(contract \d+\.\d+\.\d+.*\)\n$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestHelpNamesTheExitCodes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"get", "--help"}} {
		stdout, stderr, code := pctoken(t, "", args...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "4  the service was not available") {
			t.Errorf("%v: exit code %d, %s%s", args, code, stdout, stderr)
		}
	}
}
