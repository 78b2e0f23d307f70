package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestUsage_IsOnlyWhatTheCallerCanAvoid(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a busy port":                    {[]string{"serve", "--listen", busy.Addr().String()}, 1, "choose another port"},
		"a folder that is not there":     {[]string{"serve", "--tls", "--cert-dir", filepath.Join(file, "x")}, 1, "writing the certificate"},
		"pages into a file":              {[]string{"man", file}, 1, file},
		"a quota below zero":             {[]string{"serve", "--quota", "-1"}, 2, "--quota -1: a quota cannot be negative"},
		"a lifetime below zero":          {[]string{"serve", "--token-lifetime", "-1s"}, 2, "--token-lifetime -1s:"},
		"a way to sign in by itself":     {[]string{"serve", "--entra", "--sign-in", "fingerprint"}, 2, `--sign-in "fingerprint"`},
		"a sign-in without Entra":        {[]string{"serve", "--sign-in", "mfa"}, 2, "need --entra"},
		"a certificate without TLS":      {[]string{"serve", "--cert-dir", "."}, 2, "--cert-dir .:"},
		"a host that is a URL":           {[]string{"serve", "--host", "https://a.example"}, 2, "--host "},
		"an address that is none":        {[]string{"serve", "--listen", "here"}, 2, `"here"`},
		"a folder as the bearer":         {[]string{"get", "--bearer-file", filepath.Dir(file)}, 2, "is a directory"},
		"a media type to ask for":        {[]string{"get", "--emulator", "--accept", "image/png"}, 2, `--accept "image/png":`},
		"a media type to send":           {[]string{"get", "--emulator", "--content-type", "image/png"}, 2, `--content-type "image/png":`},
		"a URL in the clear":             {[]string{"get", "--url", "http://service.example"}, 2, `--url "http://service.example": http would`},
		"a name that no header takes":    {[]string{"get", "--emulator", "--application", "\n"}, 2, "--application"},
		"flags that exclude":             {[]string{"get", "--emulator", "--url", "https://service.example"}, 2, "--emulator and --url exclude each other ("},
		"a way to sign in":               {[]string{"get", "--credential", "password"}, 2, "environment, workload-identity"},
		"a form of the doctor's":         {[]string{"doctor", "-o", "xml"}, 2, `--output "xml"`},
		"a completion for no shell":      {[]string{"completion", "csh"}, 2, `unknown command "csh"`},
		"help on no command":             {[]string{"help", "gett"}, 2, `unknown command "gett"; did you mean get?`},
		"a value that is no duration":    {[]string{"get", "--timeout", "soon"}, 2, "--timeout"},
		"an argument too many":           {[]string{"version", "x"}, 2, `pctoken: version takes no arguments (see pctoken version --help)`},
		"a flag mistyped":                {[]string{"get", "--emulater"}, 2, "unknown flag: --emulater; did you mean --emulator? ("},
		"a flag with a value mistyped":   {[]string{"serve", "--listn=127.0.0.1:0"}, 2, "unknown flag: --listn; did you mean --listen? ("},
		"a flag like no other":           {[]string{"get", "--zzzzzzzzz"}, 2, "unknown flag: --zzzzzzzzz ("},
		"a time without its unit":        {[]string{"get", "--timeout", "5"}, 2, `--timeout "5": it has to be a time with its unit, such as 5s or 2m (`},
		"a number that is none":          {[]string{"get", "--retries", "many"}, 2, `--retries "many": it has to be a whole number (`},
		"a seed below zero":              {[]string{"serve", "--seed", "-1"}, 2, `--seed "-1": it has to be a whole number, 0 or more (`},
		"no command to run":              {[]string{"exec", "--emulator"}, 2, "name the command to run after -- ("},
		"a fault of the resource":        {[]string{"get", "--emulator", "--fault", "resource:401"}, 2, `--fault "resource:401": no request meets it here`},
		"a fault of Entra":               {[]string{"exec", "--emulator", "--fault", "AADSTS700082", "--", "true"}, 2, `--fault "AADSTS700082": no request meets it here`},
		"a fault of Entra, not played":   {[]string{"serve", "--fault", "entra:503"}, 2, "serve --entra"},
		"an argument to a completion":    {[]string{"completion", "bash", "x"}, 2, "bash takes no arguments"},
		"too few arguments for the page": {[]string{"man"}, 2, "name one directory"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := pctoken(t, "", test.args...)
			if code != test.code || stdout != "" {
				t.Errorf("exit code %d, want %d; stdout %q", code, test.code, stdout)
			}
			if !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr is %q, want one line that says %q", stderr, test.says)
			}
			if hint := strings.Contains(stderr, "--help)"); hint != (test.code == exitUsage) {
				t.Errorf("the hint at --help: %v in %q", hint, stderr)
			}
			for _, word := range []string{"wrapper:", "emulator:", "With"} {
				if strings.Contains(stderr, word) {
					t.Errorf("%q has the library's word %q", stderr, word)
				}
			}
		})
	}
}

// brokenPipe is a standard output that takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutput_ThatCannotBeWrittenFailsEveryCommand(t *testing.T) {
	for _, args := range []string{
		"get --emulator", "get --emulator -o json", "get --emulator -o env", "get --emulator -o header",
		"doctor --bearer-file - --url http://127.0.0.1:9", "doctor --bearer-file - --url http://127.0.0.1:9 -o json",
		"version", "--version", "--help", "get --help", "help get", "completion bash", "completion fish", "serve", "",
	} {
		t.Run(args, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var stderr bytes.Buffer
			code := run(ctx, strings.Fields(args), strings.NewReader(signed(t, nil)), brokenPipe{}, &stderr)
			if code != exitOther {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
			if !strings.Contains(stderr.String(), "broken pipe") {
				t.Errorf("stderr is %q", stderr.String())
			}
		})
	}
}

func TestExitCode_OfASignalIs128AndItsNumber(t *testing.T) {
	for signal, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(interruption{signal})
		var stdout, stderr bytes.Buffer
		code := run(ctx, []string{"get", "--emulator"}, strings.NewReader(""), &stdout, &stderr)
		if code != want || stderr.String() != "pctoken: interrupted\n" || stdout.Len() != 0 {
			t.Errorf("%s: exit code %d, %q, %q", signal, code, stdout.String(), stderr.String())
		}
	}
}

func TestExitCode_FollowsTheFailure(t *testing.T) {
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
		"out of time there":  {args: []string{"get", "--emulator", "--fault", "408", "--retries", "0"}, code: 4, says: "408 Request Timeout"},
		"conflict":           {args: []string{"get", "--emulator", "--fault", "409"}, code: 3, says: "409 Conflict"},
		"throttled":          {args: []string{"get", "--emulator", "--fault", "429:retry-after=90"}, code: 4, says: "retry after 1m30s"},
		"failed":             {args: []string{"get", "--emulator", "--fault", "500", "--retries", "0"}, code: 4, says: "attempts 1"},
		"no such function":   {args: []string{"get", "--emulator", "--fault", "501"}, code: 4, says: "501"},
		"a gateway's page":   {args: []string{"get", "--emulator", "--fault", "html:502", "--retries", "0"}, code: 4, says: "502 Bad Gateway"},
		"an empty answer":    {args: []string{"get", "--emulator", "--fault", "empty:500", "--retries", "0"}, code: 4, says: "500 Internal Server Error (request id"},
		"reset":              {args: []string{"get", "--emulator", "--fault", "reset", "--retries", "0"}, code: 4, says: "connection reset"},
		"cut off":            {args: []string{"get", "--emulator", "--fault", "truncate", "--retries", "0"}, code: 4, says: "broke off"},
		"refused":            {args: []string{"get", "--url", nobody.URL, "--bearer-file", "-", "--retries", "0"}, stdin: canary, code: 4, says: "connection refused"},
		"no time left":       {args: []string{"get", "--emulator", "--fault", "delay=1m", "--timeout", "20ms"}, code: 4, says: "within --timeout 20ms (request id "},
		"no time at all":     {args: []string{"get", "--emulator", "--timeout", "1ns"}, code: 4, says: "within --timeout 1ns"},
		"a redirect":         {args: []string{"get", "--emulator", "--fault", "302"}, code: 1, says: "redirects are not followed"},
		"unknown command":    {args: []string{"fetch"}, code: 2, says: `unknown command "fetch"`},
		"unknown flag":       {args: []string{"get", "--token", "x"}, code: 2, says: "unknown flag: --token"},
		"an argument":        {args: []string{"get", "x"}, code: 2, says: "pctoken get --help"},
		"no such file":       {args: []string{"get", "--bearer-file", "/does/not/exist"}, code: 2, says: "/does/not/exist"},
		"an empty bearer":    {args: []string{"get", "--bearer-file", "-"}, code: 2, says: "it is empty"},
		"a bearer of two":    {args: []string{"get", "--bearer-file", "-"}, stdin: "canary\ncanary\n", code: 2, says: "line break"},
		"unknown output":     {args: []string{"get", "--emulator", "--output", "yaml"}, code: 2, says: `--output "yaml"`},
		"unknown cloud":      {args: []string{"get", "--cloud", "moon"}, code: 2, says: `--cloud "moon"`},
		"two places":         {args: []string{"get", "--cloud", "china", "--emulator"}, code: 2, says: "--cloud and --emulator exclude each other"},
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

func TestHelp_NamesTheExitCodes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"get", "--help"}} {
		stdout, stderr, code := pctoken(t, "", args...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "4  the service was not available") {
			t.Errorf("%v: exit code %d, %s%s", args, code, stdout, stderr)
		}
	}
}
