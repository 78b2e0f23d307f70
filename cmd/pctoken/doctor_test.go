package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// signed returns a bearer with these claims beside a good one's.
func signed(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{
		"aud": "https://api.partnercenter.microsoft.com", "exp": time.Now().Add(time.Hour).Unix(),
		"nbf": time.Now().Add(-time.Minute).Unix(), "tid": "a-tenant", "appid": "an-application", "idtyp": "app",
	}
	for name, value := range claims {
		all[name] = value
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestDoctor_FindsWhatIsWrong(t *testing.T) {
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }
	serviceAt := func(off time.Duration) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				t.Error("the doctor sent the bearer")
			}
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			http.NotFound(w, r)
		}))
		t.Cleanup(server.Close)
		return server
	}
	healthy := serviceAt(0).URL
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(untrusted.Close)
	nobody := httptest.NewServer(nil)
	nobody.Close()

	const scope = "ask Entra for a token of scope https://api.partnercenter.microsoft.com/.default"
	tests := map[string]struct {
		bearer string
		args   []string
		code   int
		says   []string
	}{
		"nothing": {signed(t, nil), nil, 0, []string{
			"is for Partner Center", "valid for another", `app-only, of tenant "a-tenant" and application "an-application"`,
			"answers over plain http", "agrees with the service's",
		}},
		"nothing, with the application id":  {signed(t, jwt.MapClaims{"aud": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"}), nil, 0, nil},
		"a user with MFA":                   {signed(t, jwt.MapClaims{"idtyp": "user", "scp": "user_impersonation", "amr": []string{"pwd", "mfa"}}), nil, 0, []string{"app+user", "ok       the user signed in with MFA"}},
		"a user without MFA":                {signed(t, jwt.MapClaims{"scp": "user_impersonation", "amr": []string{"pwd"}}), nil, 1, []string{`amr ["pwd"]`, "900421", "pctoken login"}},
		"a user and no word of MFA":         {signed(t, jwt.MapClaims{"scp": "user_impersonation"}), nil, 0, []string{"unknown  the bearer has no amr claim: cannot tell"}},
		"an application's amr":              {signed(t, jwt.MapClaims{"amr": []string{"rsa"}}), nil, 0, []string{"app-only"}},
		"an audience of other resources":    {signed(t, jwt.MapClaims{"aud": "https://api.partner.microsoft.com/"}), nil, 1, []string{"price sheets", "fix: " + scope}},
		"the global audience in China":      {signed(t, nil), []string{"--cloud", "china"}, 1, []string{"another cloud", "--cloud", "scope https://partner.partnercenterapi.microsoftonline.cn/.default"}},
		"the audience replaced in China":    {signed(t, jwt.MapClaims{"aud": "https://graph.chinacloudapi.cn"}), []string{"--cloud", "china"}, 1, []string{"replaced", "scope https://partner.partnercenterapi.microsoftonline.cn/.default"}},
		"claims with escapes and new lines": {signed(t, jwt.MapClaims{"aud": "x\nok       all is well\x1b[2J", "tid": "\x1b[1m"}), nil, 1, []string{"another service"}},
		"nothing, in the US Government":     {signed(t, nil), []string{"--cloud", "usgov"}, 0, nil},
		"nothing, in China":                 {signed(t, jwt.MapClaims{"aud": "https://partner.partnercenterapi.microsoftonline.cn"}), []string{"--cloud", "china"}, 0, nil},
		"the audience of Azure AD Graph":    {signed(t, jwt.MapClaims{"aud": "https://graph.windows.net/"}), nil, 1, []string{"retired", "fix: " + scope}},
		"another audience":                  {signed(t, jwt.MapClaims{"aud": "https://management.azure.com"}), nil, 1, []string{"another service", "fix: " + scope}},
		"another cloud":                     {signed(t, jwt.MapClaims{"aud": "https://partner.partnercenterapi.microsoftonline.cn"}), nil, 1, []string{"another cloud", "--cloud"}},
		"an expired bearer":                 {signed(t, jwt.MapClaims{"exp": hour(-2)}), nil, 1, []string{"expired 2h0m", "fix: get a new one"}},
		"a bearer that is not valid yet":    {signed(t, jwt.MapClaims{"nbf": hour(1)}), nil, 1, []string{"valid only in", "fix: set the clock"}},
		"a bearer that is no JWT":           {"canary.canary.canary", nil, 1, []string{"not a JWT", scope}},
		"an empty bearer":                   {"\n", nil, 1, []string{"empty", scope}},
		"a bearer with its scheme":          {"Bearer " + signed(t, nil), nil, 1, []string{`already begins with "Bearer "`, scope}},
		"a bearer with a line too many":     {signed(t, nil) + "\n\n", nil, 1, []string{"line break", scope}},
		"nothing, with a newline":           {signed(t, nil) + "\n", nil, 0, nil},
		"http to a real host":               {signed(t, nil), []string{"--url", "http://service.example"}, 1, []string{"base URL", "in the clear"}},
		"a password in the URL":             {signed(t, nil), []string{"--url", "https://user:canary@service.example"}, 1, []string{"base URL", "user info"}},
		"a time that is none":               {signed(t, nil), []string{"--timeout", "-1s"}, 2, []string{"--timeout -1s"}},
		"a clock that is behind":            {signed(t, nil), []string{"--url", serviceAt(6 * time.Minute).URL}, 1, []string{"off the service's", "NTP"}},
		"a clock that is ahead":             {signed(t, nil), []string{"--url", serviceAt(-time.Hour).URL}, 1, []string{"off the service's"}},
		"a clock that is off by little":     {signed(t, nil), []string{"--url", serviceAt(4 * time.Minute).URL}, 0, nil},
		"a server that nobody vouches for":  {signed(t, nil), []string{"--url", untrusted.URL}, 1, []string{"certificate", "SSL_CERT_FILE"}},
		"a server that does not listen":     {signed(t, nil), []string{"--url", nobody.URL}, 1, []string{"cannot be reached", "refused", "firewall"}},
		"a base URL that is none":           {signed(t, nil), []string{"--url", "http://\x7f"}, 1, []string{"base URL"}},
		"more than one thing":               {signed(t, jwt.MapClaims{"aud": "https://graph.windows.net", "exp": hour(-1)}), nil, 1, []string{"problems found: 2"}},
		"a cloud that there is not":         {signed(t, nil), []string{"--cloud", "moon"}, 2, []string{"moon"}},
		"a file for the bearer that is not": {"", []string{"--bearer-file", "/does/not/exist"}, 2, []string{"/does/not/exist"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"doctor", "--bearer-file", "-", "--url", healthy}, test.args...)
			stdout, stderr, code := pctoken(t, test.bearer, args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d: %s%s", code, test.code, stdout, stderr)
			}
			for _, want := range test.says {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("%q does not say %q", stdout+stderr, want)
				}
			}
			if strings.ContainsRune(stdout+stderr, '\x1b') || strings.Contains(stdout, "\nok       all is well") {
				t.Errorf("the bearer's texts came through raw: %q", stdout)
			}
			if bearer := strings.TrimSpace(test.bearer); bearer != "" && strings.Contains(stdout+stderr, bearer) {
				t.Error("the bearer was printed")
			}
			if strings.Count(stdout, "PROBLEM") != strings.Count(stdout, "fix: ") {
				t.Errorf("a problem has no fix: %s", stdout)
			}
		})
	}
}

func TestDoctor_SaysOverWhichTLSTheServiceAnswers(t *testing.T) {
	environment := entra(t, "secret")
	_, tlsServer, _ := strings.Cut(environment[1], "=") // any server will do whose certificate is trusted there
	stdout, stderr, state := program(t, environment, "doctor", "--url", tlsServer)
	if state.ExitCode() != 0 || !strings.Contains(stdout, "answers over TLS 1.3") {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctor_ThatRunsOutOfTimeHasItsOwnExitCode(t *testing.T) {
	stdout, stderr, state := program(t, entra(t, "secret"), "doctor", "--url", service(t).URL, "--timeout", "1ns")
	if state.ExitCode() != 1 || !strings.Contains(stdout, "within --timeout 1ns") || stderr != "pctoken: problems found: 2\n" {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctor_SaysWhatKeepsItFromSigningIn(t *testing.T) {
	stdout, stderr, state := program(t, entra(t, "wrong"), "doctor", "--url", service(t).URL)
	if state.ExitCode() != 1 || !strings.Contains(stdout, "Entra answered: AADSTS7000215") || strings.Contains(stdout, "attempts") ||
		!strings.Contains(stdout, "fix: check AZURE_TENANT_ID") || stderr != "pctoken: problems found: 1\n" {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctor_PrintsJSON(t *testing.T) {
	type report struct {
		Problems int
		Findings []struct{ Result, Finding, Fix string }
	}
	for name, test := range map[string]struct {
		environment []string
		args        []string
		code        int
		want        map[string]string // what each finding has to say, and its result
	}{
		"with a bearer": {nil, nil, 1, map[string]string{"is for another cloud": "problem", "app-only": "ok", "answers over": "ok"}},
		"without one": {entra(t, "wrong"), []string{"--bearer-file="}, 1,
			map[string]string{"Entra refused": "problem", "answers over": "ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bearer")
			china := signed(t, jwt.MapClaims{"aud": "https://partner.partnercenterapi.microsoftonline.cn"})
			if err := os.WriteFile(file, []byte(china), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"doctor", "-o", "json", "--url", service(t).URL, "--bearer-file", file}, test.args...)
			stdout, stderr, state := program(t, test.environment, args...)
			var got report
			decoder := json.NewDecoder(strings.NewReader(stdout))
			if err := decoder.Decode(&got); err != nil || decoder.More() || state.ExitCode() != test.code || got.Problems != 1 {
				t.Fatalf("exit code %d, %v: %s%s", state.ExitCode(), err, stdout, stderr)
			}
			for says, result := range test.want {
				if !slices.ContainsFunc(got.Findings, func(f struct{ Result, Finding, Fix string }) bool {
					return strings.Contains(f.Finding, says) && f.Result == result && (f.Fix != "") == (result == "problem")
				}) {
					t.Errorf("no %s says %q: %s", result, says, stdout)
				}
			}
		})
	}
}

// A certificate's names are whatever its server likes.
func TestDoctor_PrintsACertificatesNamesPlainly(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"a.example\nok       all is well\x1b[2J"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "trusted.pem") // so that the name is what is wrong
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	bearer := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(bearer, []byte(signed(t, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, state := program(t, []string{"SSL_CERT_FILE=" + file}, "doctor", "--url", strings.Replace(server.URL, "127.0.0.1", "localhost", 1), "--bearer-file", bearer)
	if state.ExitCode() != 1 || !strings.Contains(stdout, "a.example ok all is well") || strings.Contains(stdout, "\nok       all is well") ||
		strings.ContainsRune(stdout, '\x1b') {
		t.Errorf("exit code %d, %q", state.ExitCode(), stdout)
	}
}
