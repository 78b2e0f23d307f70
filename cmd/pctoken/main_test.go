package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	if os.Getenv(asBrowser) != "" {
		browse(os.Args[1])
		return
	}
	// No test may depend on, or send, what the developer's own environment holds.
	_ = os.Unsetenv(bearerVariable)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		os.Exit(code)
	}))
}

// asBrowser is the environment variable that makes the test binary a browser.
const asBrowser = "PCTOKEN_TEST_AS_BROWSER"

// insecure is for servers of the tests' own.
var insecure = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// browse goes to a URL, and to wherever it is sent from there.
func browse(url string) {
	resp, err := insecure.Get(url)
	if err != nil {
		os.Exit(1)
	}
	_ = resp.Body.Close()
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
