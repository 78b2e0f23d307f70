package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// escaped spells each character of s as JSON's \u does.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// repeats are ways in which a server says again what it was sent, with secrets of its own.
var repeats = map[string]func(w http.ResponseWriter, sent url.Values){
	"in the description": func(w http.ResponseWriter, sent url.Values) {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "AADSTS1: " + sent.Encode() + fmt.Sprint(sent)})
	},
	"in the code": func(w http.ResponseWriter, sent url.Values) {
		answer(w, http.StatusBadRequest, map[string]any{"error": sent.Encode(), "error_uri": "https://a.example?" + sent.Encode()})
	},
	"escaped": func(w http.ResponseWriter, sent url.Values) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		for _, values := range sent {
			_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"AADSTS1: %s"}`, escaped(values[0]))
			return
		}
	},
	"as a page": func(w http.ResponseWriter, sent url.Values) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Retry-After-Ms", "1") // azidentity's pauses are long
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<p>"+html.EscapeString(sent.Encode()))
	},
	"as a form": func(w http.ResponseWriter, sent url.Values) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "error=invalid_grant&error_description="+url.QueryEscape(sent.Encode()))
	},
	"in no JSON": func(w http.ResponseWriter, sent url.Values) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"canary-access-token","refresh_token":"canary-refresh-new","sent":"`+sent.Encode()+`",`)
	},
	"in a header": func(w http.ResponseWriter, sent url.Values) {
		w.Header().Set("Location", "/elsewhere?"+sent.Encode())
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
	"without a token": func(w http.ResponseWriter, sent url.Values) {
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "refresh_token": "canary-refresh-new", "sent": sent.Encode()})
	},
}

func TestSecrets_AreInNoOutputOfASignIn(t *testing.T) {
	url := service(t).URL
	for name, repeat := range repeats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var (
				mu        sync.Mutex
				verifiers []string
			)
			entra := func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				mu.Lock()
				verifiers = append(verifiers, r.PostForm.Get("code_verifier"))
				mu.Unlock()
				repeat(w, r.PostForm)
			}
			environment := playBrowser(t, playEntra(t, map[string]http.HandlerFunc{
				"token":      entra,
				"devicecode": giveDeviceCode,
				"authorize": func(w http.ResponseWriter, r *http.Request) {
					asked := r.URL.Query()
					http.Redirect(w, r, asked.Get("redirect_uri")+"/?code=canary-code&state="+asked.Get("state"), http.StatusFound)
				},
			}))
			environment = append(environment, "AZURE_CLIENT_ID="+testClient, "AZURE_TENANT_ID="+testTenant, credentialsVariable+"=EnvironmentCredential")
			file := bearerFile(t, "canary-refresh-0")
			for _, args := range [][]string{
				{"login", "--refresh-token-file", file},
				{"login", "--refresh-token-file", file, "--browser"},
				{"get", "--url", url, "--refresh-token-file", file, "--verbose"},
				{"doctor", "--url", url, "--refresh-token-file", file, "--verbose"},
				{"doctor", "--url", url, "--refresh-token-file", file, "-o", "json"},
				{"get", "--url", url, "--verbose"}, // azidentity
				{"doctor", "--url", url, "--verbose"},
				{"exec", "--url", url, "--verbose", "--", "true"},
			} {
				stdout, stderr, state := program(t, environment, args...) // which looks for canaries
				if state.ExitCode() == 0 {
					t.Errorf("%v: exit code 0", args)
				}
				mu.Lock()
				sent := slices.Clone(verifiers)
				mu.Unlock()
				for _, verifier := range sent {
					if verifier != "" && strings.Contains(stdout+stderr, verifier) {
						t.Errorf("%v shows the verifier: %s", args, stderr)
					}
				}
				clean(t, strings.Join(args, " "), stdout)
			}
			if content, err := os.ReadFile(file); err != nil || string(content) != "canary-refresh-0" {
				t.Errorf("the file holds %q, %v", content, err)
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left in the folder: %v, %v", left, err)
			}
		})
	}
}
