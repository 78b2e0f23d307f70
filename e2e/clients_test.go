package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Clients of the emulator that nobody here wrote.

func TestCurl_GetsAToken(t *testing.T) {
	printed := serve(t, 2, "--tls")
	url, certificate := printed[0], printed[1]
	tokens := judge{name: "curl"}
	for _, accept := range []string{"application/json", "application/xml", "text/json", "text/xml"} {
		tokens.run(t, accept, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "curl", "--silent", "--show-error", "--fail", "--cacert", certificate,
				"--header", "Authorization: Bearer any", "--header", "Accept: "+accept, "--data", "grant_type=jwt_token",
				"--write-out", " %{http_version} %{content_type}", url+"/v3/generatetoken").CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), " 2 "+accept) || !regexp.MustCompile("[A-Z2-7]{26}").Match(out) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	tokens.report(t)
}

func TestMSAL_SignsInAndFetchExchanges(t *testing.T) {
	printed := serve(t, 2, "--entra", "--strict", "--require-mfa")
	sign := judge{name: "MSAL"}
	type outcome struct {
		Status   int
		Audience string
		AMR      []string
		Token    string
		Fresh    bool
	}
	holds := func(t *testing.T, got outcome) {
		if got.Status != 200 {
			t.Errorf("status %d", got.Status)
		}
		if len(got.Token) != 26 {
			t.Errorf("token %s", got.Token)
		}
	}
	sign.run(t, "client credentials", func(t *testing.T) {
		var got outcome
		msal(t, "exchange.mjs", printed, &got)
		holds(t, got)
		if got.Audience != "https://api.partnercenter.microsoft.com" {
			t.Errorf("audience %s", got.Audience)
		}
	})
	people := map[string]outcome{}
	msal(t, "people.mjs", printed, &people)
	for _, way := range []string{"device code", "refresh token", "authorization code"} {
		sign.run(t, way, func(t *testing.T) {
			got := people[way]
			holds(t, got)
			if !slices.Contains(got.AMR, "mfa") {
				t.Errorf("amr %v", got.AMR)
			}
			if got.Fresh != (way == "refresh token") {
				t.Errorf("another access token than before: %t", got.Fresh)
			}
		})
	}
	sign.report(t)
}

// msal runs a script against an emulator, by what it printed, and decodes what the script prints.
func msal(t *testing.T, script string, printed []string, into any) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "msal/"+script, printed[0])
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+printed[1])
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}
