package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestGet_PrintsTheResultAlone(t *testing.T) {
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

func TestGet_PrintsJSON(t *testing.T) {
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

func TestGet_SendsWhatItsFlagsSay(t *testing.T) {
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

func TestGet_VerboseLogsEveryAttempt(t *testing.T) {
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

func TestGet_PrintsTheServicesErrorOnOneLine(t *testing.T) {
	_, stderr, _ := pctoken(t, "", "get", "--emulator", "--fault", "403", "--request-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01",
		"--correlation-id", "0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02")
	want := "pctoken: generate token: 403 Forbidden, code 2032 from emulator: the emulator was told to answer this " +
		"(request id 0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b01, correlation id 0a3b7a64-5b7e-4a5c-9f0e-2f8f1f6a7b02, attempts 1); " +
		"the application or user lacks the rights for this in Partner Center\n"
	if stderr != want {
		t.Errorf("got  %s\nwant %s", stderr, want)
	}
}
