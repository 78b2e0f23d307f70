package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func loginArgs(file string, more ...string) []string {
	return append([]string{"login", "--client-id", testClient, "--tenant-id", testTenant, "--refresh-token-file", file}, more...)
}

func TestLogin_ByDeviceCode(t *testing.T) {
	unavailable := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	pending := refuse("authorization_pending", "AADSTS70016: pending")
	withoutMFA := jwt.MapClaims{"idtyp": "user", "scp": "user_impersonation", "amr": []string{"pwd"}}
	for name, test := range map[string]struct {
		device, token http.HandlerFunc
		code          int
		kept          bool
		says          []string
	}{
		"with MFA": {giveDeviceCode, inTurn(pending, give(t, withMFA)), 0, true,
			[]string{"https://entra.example/device", "ABCD-EFGH", "(90 days)", "ok       the user signed in with MFA"}},
		"without MFA": {giveDeviceCode, give(t, withoutMFA), 1, true, []string{"PROBLEM  the user signed in without MFA", "no MFA"}},
		"with a v2 token": {giveDeviceCode, give(t, jwt.MapClaims{"scp": "user_impersonation"}), 0, true,
			[]string{"cannot tell whether the user signed in with MFA"}},
		"over a bad network": {giveDeviceCode, inTurn(unavailable, cutOff, give(t, withMFA)), 0, true, nil},
		"with an interval that is none": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]any{"device_code": "canary-device-code", "user_code": "A", "verification_uri": "https://a.example", "interval": -1})
		}, give(t, withMFA), 0, true, nil},
		"by a page with escapes": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]any{"device_code": "canary-device-code", "user_code": "A\x1b[2J\nB", "verification_uri": "\x1b[2J", "expires_in": 900, "interval": 1})
		}, give(t, withMFA), 0, true, []string{"code A [2J B."}},
		"without a refresh token": {giveDeviceCode, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": signed(t, withMFA)})
		}, 1, false, []string{"offline_access"}},
		"declined": {giveDeviceCode, refuse("authorization_declined", "AADSTS70017: no"), 1, false,
			[]string{"the sign-in was declined"}},
		"too late": {giveDeviceCode, refuse("expired_token", "AADSTS70020: late"), 1, false, []string{"expired", "again"}},
		"of an application that is not known": {refuse("unauthorized_client", "AADSTS700016: no such application"), nil, 1, false,
			[]string{"AADSTS700016"}},
		"where a policy blocks it": {giveDeviceCode, refuse("invalid_grant", "Access has been blocked by a Conditional Access policy."), 1, false,
			[]string{"Conditional Access", "--browser"}},
		"with Entra out of order": {unavailable, nil, 4, false, []string{"Entra", "503"}},
		"with Entra elsewhere": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, nil, 1, false, []string{"redirects are not followed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "token")
			check := func(next http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if r.PostFormValue("client_id") != testClient || r.PostFormValue("scope") != testScope {
						t.Errorf("Entra was sent %v", r.PostForm)
					}
					next(w, r)
				}
			}
			environment := playEntra(t, map[string]http.HandlerFunc{"devicecode": check(test.device), "token": func(w http.ResponseWriter, r *http.Request) {
				if r.PostFormValue("device_code") != "canary-device-code" || r.PostFormValue("client_secret") != "canary-client-secret" {
					t.Errorf("Entra was sent %v", r.PostForm)
				}
				check(test.token)(w, r)
			}})
			stdout, stderr, state := program(t, environment, loginArgs(file)...)
			if state.ExitCode() != test.code || stdout != "" {
				t.Errorf("exit code %d, want %d: %q, %s", state.ExitCode(), test.code, stdout, stderr)
			}
			for _, want := range test.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
			if strings.ContainsRune(stderr, '\x1b') {
				t.Errorf("what Entra said came through raw: %q", stderr)
			}
			info, err := os.Stat(file)
			if (err == nil) != test.kept || test.kept && info.Mode() != 0o600 {
				t.Errorf("the file: %v, %v", info, err)
			}
		})
	}
}

func TestLogin_ShowsThatItWaitsAndEndsWithASignal(t *testing.T) {
	t.Parallel()
	environment := playEntra(t, map[string]http.HandlerFunc{"devicecode": giveDeviceCode, "token": refuse("authorization_pending", "")})
	cmd := exec.CommandContext(t.Context(), os.Args[0], loginArgs(filepath.Join(t.TempDir(), "token"))...)
	cmd.Env = append(environment, asProgram+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	for piece := make([]byte, 256); !strings.Contains(shown.String(), "Waiting for the sign-in, until Ctrl-C ends it .."); {
		n, err := stderr.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, shown.String())
		}
		shown.Write(piece[:n])
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.HasSuffix(string(rest), "\npctoken: interrupted\n") {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

func TestLogin_EndsWithItsTimeout(t *testing.T) {
	environment := playEntra(t, map[string]http.HandlerFunc{"devicecode": giveDeviceCode, "token": refuse("authorization_pending", "")})
	for _, how := range []string{"--browser=false", "--browser"} {
		_, stderr, state := program(t, environment, loginArgs(filepath.Join(t.TempDir(), "token"), "--timeout", "300ms", how)...)
		if state.ExitCode() != exitOther || !strings.HasSuffix(stderr, "\npctoken: nobody signed in within the --timeout; run pctoken login again\n") {
			t.Errorf("%s: exit code %d, %q", how, state.ExitCode(), stderr)
		}
	}
}

func TestLogin_GoesToTheCloudsAuthority(t *testing.T) {
	for cloud, want := range map[string]string{
		"global": "https://login.microsoftonline.com/", "usgov": "https://login.microsoftonline.us/", "china": "https://login.chinacloudapi.cn/",
	} {
		args := loginArgs(filepath.Join(t.TempDir(), "token"), "--browser", "--timeout", "200ms", "--cloud", cloud)
		_, stderr, _ := program(t, []string{"PATH="}, args...)
		if !strings.Contains(stderr, "\n"+want+testTenant+"/oauth2/v2.0/authorize?") {
			t.Errorf("%s: %s", cloud, stderr)
		}
	}
}

func TestLogin_RefusesWhatCannotWork(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		environment, args []string
		says              string
	}{
		"no application":              {nil, []string{"login", "--tenant-id", testTenant, "--refresh-token-file", dir + "/x"}, "--client-id is missing"},
		"no tenant":                   {nil, []string{"login", "--client-id", testClient, "--refresh-token-file", dir + "/x"}, "--tenant-id is missing"},
		"no file":                     {nil, []string{"login", "--client-id", testClient, "--tenant-id", testTenant}, "--refresh-token-file is missing"},
		"a tenant that is a path":     {nil, []string{"login", "--client-id", testClient, "--tenant-id", "a/../b", "--refresh-token-file", dir + "/x"}, "a GUID or a domain"},
		"a folder that is not":        {nil, loginArgs(dir + "/no/x"), "no such file"},
		"a folder as the file":        {nil, loginArgs(dir), "no regular file"},
		"a cloud that is not":         {nil, loginArgs(dir+"/x", "--cloud", "moon"), `--cloud "moon"`},
		"an authority in the clear":   {[]string{authorityVariable + "=http://entra.example"}, loginArgs(dir + "/x"), "https"},
		"a password in the authority": {[]string{authorityVariable + "=https://canary:canary@entra.example"}, loginArgs(dir + "/x"), "user info"},
		"no time":                     {nil, loginArgs(dir+"/x", "--timeout", "0"), "--timeout 0s"},
		"an application to get as":    {nil, []string{"get", "--refresh-token-file", dir + "/x", "--tenant-id", testTenant}, "--client-id is missing"},
		"two bearers":                 {nil, []string{"get", "--refresh-token-file", dir + "/x", "--bearer-file", dir + "/y"}, "--bearer-file and --refresh-token-file exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, state := program(t, test.environment, test.args...)
			if state.ExitCode() != exitUsage || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q", state.ExitCode(), stderr)
			}
		})
	}
}

// playBrowser puts a browser into the environment: it goes to where it is sent, as often as it is sent on.
func playBrowser(t *testing.T, environment []string) []string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nunset " + asProgram + "\n" + asBrowser + "=1 exec '" + os.Args[0] + "' \"$1\"\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return append(environment, "PATH="+dir+":"+os.Getenv("PATH"))
}

func TestLogin_ByBrowser(t *testing.T) {
	var redirect, challenge string
	for name, test := range map[string]struct {
		answer func(state string) url.Values
		code   int
		says   string
	}{
		"signed in": {func(state string) url.Values { return url.Values{"state": {state}, "code": {"canary-code"}} }, 0, "signed in with MFA"},
		"declined":  {func(state string) url.Values { return url.Values{"state": {state}, "error": {"access_denied"}} }, 1, "the sign-in was declined"},
		"refused": {func(state string) url.Values {
			return url.Values{"state": {state}, "error": {"server_error"}, "error_description": {"AADSTS90000: \x1b[2J"}}
		}, 1, "AADSTS90000"},
		"an answer of nothing": {func(state string) url.Values { return url.Values{"state": {state}} }, 1, "no code"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			environment := playBrowser(t, playEntra(t, map[string]http.HandlerFunc{
				"authorize": func(w http.ResponseWriter, r *http.Request) {
					asked := r.URL.Query()
					redirect, challenge = asked.Get("redirect_uri"), asked.Get("code_challenge")
					if asked.Get("response_type") != "code" || asked.Get("client_id") != testClient || asked.Get("scope") != testScope ||
						asked.Get("code_challenge_method") != "S256" || !strings.HasPrefix(redirect, "http://localhost:") {
						t.Errorf("the browser was sent to %s", r.URL)
					}
					// Whoever does not know the state cannot end the sign-in.
					forged, err := http.Get(redirect + "?code=canary-forged&state=guessed")
					if err != nil || forged.StatusCode != http.StatusBadRequest {
						t.Errorf("a forged answer got %v, %v", forged, err)
					}
					_ = forged.Body.Close()
					http.DefaultTransport.(*http.Transport).CloseIdleConnections()
					http.Redirect(w, r, redirect+"/?"+test.answer(asked.Get("state")).Encode(), http.StatusFound)
				},
				"token": func(w http.ResponseWriter, r *http.Request) {
					sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
					if r.PostFormValue("code") != "canary-code" || r.PostFormValue("redirect_uri") != redirect ||
						base64.RawURLEncoding.EncodeToString(sum[:]) != challenge || r.PostFormValue("client_secret") == "" {
						t.Errorf("Entra was sent %v", r.PostForm)
					}
					give(t, withMFA)(w, r)
				},
			}))
			stdout, stderr, state := program(t, environment, loginArgs(file, "--browser")...)
			if state.ExitCode() != test.code || stdout != "" || !strings.Contains(stderr, test.says) || strings.ContainsRune(stderr, '\x1b') {
				t.Errorf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
			}
			content, _ := os.ReadFile(file)
			if got := string(content) == "canary-refresh-1\n"; got != (test.code == 0) {
				t.Errorf("the file holds %q", content)
			}
		})
	}
}
