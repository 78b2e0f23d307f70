package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// conform runs the command against a service and returns its report, what it printed and its exit code.
func conform(t *testing.T, url string, args ...string) (report conformReport, stdout, stderr string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	stdout, stderr, code = pctoken(t, canary, append([]string{
		"conform", "--url", url, "--bearer-file", "-", "--pause", "0s", "--report", file,
	}, args...)...)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: exit code %d: %s", err, code, stderr)
	}
	clean(t, "standard output", stdout)
	clean(t, "standard error", stderr)
	clean(t, "the report", string(written))
	if err := json.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	return report, stdout, stderr, code
}

// enough of the plan has every purpose, and tokens in JSON and XML.
var enough = []string{"--max-requests", "35"}

// altered serves an emulator, each answer of which goes through alter.
func altered(t *testing.T, alter func(r *http.Request, answer *httptest.ResponseRecorder)) string {
	t.Helper()
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, r)
		answer.Header().Del("Content-Length")
		alter(r, answer)
		header := w.Header()
		for name, values := range answer.Header() {
			header[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func rewrite(answer *httptest.ResponseRecorder, pattern, replacement string) {
	body := regexp.MustCompile(pattern).ReplaceAllString(answer.Body.String(), replacement)
	answer.Body = bytes.NewBufferString(body)
}

func TestConform_HoldsInAllCellsOfTheEmulator(t *testing.T) {
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	plan, _, code := pctoken(t, "", "conform", "--plan", "--url", server.URL)
	if code != 0 || len(server.Requests()) != 0 {
		t.Fatalf("the plan: exit code %d, %d requests", code, len(server.Requests()))
	}
	report, stdout, stderr, code := conform(t, server.URL)
	if code != 0 {
		t.Errorf("exit code %d: %s\n%s", code, stderr, stdout)
	}
	const cells = 2 * (4*5 + 4 + 4 + 1 + 3) // tokens, unsupported grants, no bearers, no path, and what is not known
	if report.Sent != cells || len(report.Cells) != cells || report.NotSent != 0 {
		t.Errorf("sent %d, not sent %d, want %d cells", report.Sent, report.NotSent, cells)
	}
	for i, r := range server.Requests() {
		row := fmt.Sprintf(`(?m)^%d +POST %s +%s +%s `, i+1, strings.TrimSuffix(r.Path, "/nothing"), r.Header.Get("Content-Type"), r.Header.Get("Accept"))
		if !regexp.MustCompile(row).MatchString(plan) {
			t.Errorf("request %d is not as planned: %s %v", i+1, r.Path, r.Header)
		}
	}
	if want := fmt.Sprintf("conform: %d of %d cells hold, 0 not sent\n", cells, cells); !strings.HasSuffix(stdout, want) {
		t.Errorf("printed %s", stdout)
	}
}

func TestConform_PausesBetweenRequests(t *testing.T) {
	begun := time.Now()
	report, _, _, _ := conform(t, altered(t, func(*http.Request, *httptest.ResponseRecorder) {}), "--max-requests", "4", "--pause", "20ms")
	if took := time.Since(begun); took < 60*time.Millisecond {
		t.Errorf("4 requests with a pause of 20ms took %s", took)
	}
	if report.Sent != 4 || report.NotSent != 60 {
		t.Errorf("sent %d, not sent %d", report.Sent, report.NotSent)
	}
}

func TestConform_StopsWhereGoingOnIsOfNoUse(t *testing.T) {
	onlyV3 := func(r *http.Request, a *httptest.ResponseRecorder) {
		if r.URL.Path == "/generatetoken" {
			a.Code = http.StatusUnauthorized
		}
	}
	tests := map[string]struct {
		alter    func(*http.Request, *httptest.ResponseRecorder)
		sent     int
		code     int
		explains string
	}{
		"the service throttles": {
			func(_ *http.Request, a *httptest.ResponseRecorder) { a.Code = http.StatusTooManyRequests }, 0, exitUnavailable, "--pause",
		},
		"nobody answers": {
			func(*http.Request, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) }, 1, exitUnavailable, "does not answer",
		},
		// The first request for a token is refused; the 22 others of that operation are not sent.
		"an operation is closed": {onlyV3, 64 - 22, exitOther, "do not conform"},
		"the bearer is refused": {
			func(_ *http.Request, a *httptest.ResponseRecorder) { a.Code = http.StatusUnauthorized }, 64 - 2*22, exitRefused, "pctoken doctor",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			report, stdout, stderr, code := conform(t, altered(t, test.alter))
			if answered := test.sent > 1; strings.Contains(stdout, "RESULT") != answered {
				t.Errorf("with answers: %v, printed %s", answered, stdout)
			}
			if report.Sent != test.sent {
				t.Errorf("sent %d, want %d", report.Sent, test.sent)
			}
			if code != test.code || !strings.Contains(stderr, test.explains) {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
}

func TestConform_ReportsWhatItHasWhenTimeIsUp(t *testing.T) {
	report, _, stderr, code := conform(t, altered(t, func(*http.Request, *httptest.ResponseRecorder) {}), "--pause", "1h", "--timeout", "1s")
	if code != exitUnavailable || report.Sent != 1 || report.NotSent != 63 || !strings.Contains(stderr, "1 of 64 requests were made within --timeout 1s; give it more time") {
		t.Errorf("exit code %d, sent %d, not sent %d: %s", code, report.Sent, report.NotSent, stderr)
	}
}

func TestConform_RefusesWrongUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"a negative pause":          {"--pause", "-1s"},
		"no request at all":         {"--max-requests", "0"},
		"http to a host elsewhere":  {"--url", "http://service.example"},
		"another cloud":             {"--cloud", "moon"},
		"a service and an emulator": {"--emulator", "--url", "https://service.example"},
		"a report to no folder":     {"--emulator", "--max-requests", "1", "--report", filepath.Join(t.TempDir(), "none", "report.json")},
		"an empty bearer":           {"--url", "https://service.example", "--bearer-file", os.DevNull},
	} {
		t.Run(name, func(t *testing.T) {
			if stdout, stderr, code := pctoken(t, "", append([]string{"conform"}, args...)...); code != exitUsage {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
		})
	}
}

func TestConform_WritesTheReportAloneToStandardOutput(t *testing.T) {
	stdout, _, code := pctoken(t, "", "conform", "--emulator", "--pause", "0s", "--report", "-")
	var report conformReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || report.Sent != 64 {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
}
