package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
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
	printed := serve(t, 2, "--entra", "--strict")
	url, certificate := printed[0], printed[1]
	cmd := exec.CommandContext(t.Context(), "node", "msal/exchange.mjs", url)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+certificate)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got struct {
		Status          int
		Audience, Token string
	}
	exchange := judge{name: "MSAL"}
	exchange.run(t, "client credentials", func(t *testing.T) {
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got.Status != 200 {
			t.Errorf("status %d", got.Status)
		}
		if got.Audience != "https://api.partnercenter.microsoft.com" {
			t.Errorf("audience %s", got.Audience)
		}
		if len(got.Token) != 26 {
			t.Errorf("token %s", got.Token)
		}
	})
	exchange.report(t)
}
