package oauth2auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func retryable(err error) bool {
	var r interface{ Retryable() bool }
	return errors.As(err, &r) && r.Retryable()
}

// bearers returns both bearers of this package, for an Entra at url.
func bearers(ctx context.Context, url string) map[string]wrapper.BearerFunc {
	signIn := clientcredentials.Config{
		ClientID: "an-application", ClientSecret: "canary-client-secret", TokenURL: url, AuthStyle: oauth2.AuthStyleInParams,
	}
	refresh := &oauth2.Config{
		ClientID: "an-application", ClientSecret: "canary-client-secret", Endpoint: oauth2.Endpoint{TokenURL: url},
	}
	return map[string]wrapper.BearerFunc{
		"Bearer":       oauth2auth.Bearer(signIn.TokenSource(ctx)),
		"RefreshToken": oauth2auth.RefreshToken(refresh, stored()),
	}
}

// failures returns what both bearers say to an answer of Entra.
func failures(t *testing.T, answer http.HandlerFunc) map[string]error {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
	errs := map[string]error{}
	for name, bearer := range bearers(ctx, server.URL) {
		token, err := bearer(ctx)
		if err == nil || token != "" {
			t.Fatalf("%s: the token is %q", name, token)
		}
		errs[name] = err
	}
	return errs
}

func refuse(status int, code, description string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
	}
}

func TestErrors_SayWhetherToTryAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   bool
	}{
		"408":              {refuse(408, "", ""), true},
		"429":              {refuse(429, "invalid_request", "AADSTS90055"), true},
		"500":              {refuse(500, "server_error", ""), true},
		"503 with HTML":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); _, _ = io.WriteString(w, "<html>") }, true},
		"503 with a code":  {refuse(503, "invalid_grant", "AADSTS700082"), true},
		"a cut connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true},
		"a cut body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"access_token":"canary-acc`)
		}, true},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}, true},
		"400":                 {refuse(400, "invalid_client", "AADSTS7000215"), false},
		"401":                 {refuse(401, "invalid_client", ""), false},
		"400 without a code":  {refuse(400, "", ""), false},
		"200 with an error":   {refuse(200, "invalid_request", ""), false},
		"200 without a token": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }, false},
		"200 with HTML":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) }, false},
	} {
		for of, err := range failures(t, c.answer) {
			if got := retryable(err); got != c.want {
				t.Errorf("%s, %s: Retryable is %t: %v", name, of, got, err)
			}
			if errors.Is(err, oauth2auth.ErrSignInRequired) {
				t.Errorf("%s, %s: a person has to sign in: %v", name, of, err)
			}
			if !strings.Contains(err.Error(), "Entra") {
				t.Errorf("%s, %s: Entra is not named: %v", name, of, err)
			}
		}
	}
}

// What Entra says is one line: what it means, its code and first line, and what to do next, and no more is taken out of
// it than secrets.
func TestErrors_SayWhatEntraMeansAndWhatToDo(t *testing.T) {
	for code, want := range map[string]struct{ oauth, reason, step string }{
		"AADSTS700082":  {"invalid_grant", "not used for 90 days", "sign in again, as pctoken login does"},
		"AADSTS50173":   {"invalid_grant", "revoked, by a new password for one", "sign in again, as pctoken login does"},
		"AADSTS50076":   {"invalid_grant", "multi-factor authentication", "sign in again, as pctoken login does"},
		"AADSTS50079":   {"interaction_required", "multi-factor authentication", "sign in again, as pctoken login does"},
		"AADSTS65001":   {"invalid_grant", "nobody consented", "sign in again, as pctoken login does"},
		"AADSTS70000":   {"invalid_grant", "a person has to sign in again", "sign in again, as pctoken login does"},
		"AADSTS7000215": {"invalid_client", "the secret's value, not its ID", "the secret's value, not its ID"},
		"AADSTS7000222": {"invalid_client", "has expired", "make another in Entra"},
		"AADSTS700016":  {"unauthorized_client", "", "check the tenant, the application and its credential"},
	} {
		said := code + ": what Entra says."
		for of, err := range failures(t, refuse(400, want.oauth, said+"\r\nTrace ID: 1\r\nTimestamp: 2")) {
			text := err.Error()
			if !strings.Contains(text, want.reason) || !strings.Contains(text, want.step) {
				t.Errorf("%s, %s: want %q and %q: %s", code, of, want.reason, want.step, text)
			}
			if strings.Count(text, want.oauth+": "+said) != 1 || strings.ContainsAny(text, "\r\n\\") || strings.Contains(text, "Trace") {
				t.Errorf("%s, %s: not Entra's first line: %s", code, of, text)
			}
			if strings.Contains(text, "REDACTED") {
				t.Errorf("%s, %s: words are taken for a secret: %s", code, of, text)
			}
			if refused := new(oauth2.RetrieveError); !errors.As(err, &refused) || !strings.Contains(refused.ErrorDescription, "Trace ID: 1") {
				t.Errorf("%s, %s: the whole answer is lost", code, of)
			}
		}
	}
}

func TestErrors_OfANetworkThatIsDownAreRetryable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for of, bearer := range bearers(t.Context(), "http://"+listener.Addr().String()) {
		if _, err := bearer(t.Context()); !retryable(err) || !strings.Contains(err.Error(), "Entra") {
			t.Errorf("%s: %v", of, err)
		}
	}
}

func TestErrors_OfAnUntrustedCertificateAreNotRetryable(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = quiet
	for of, bearer := range bearers(t.Context(), server.URL) {
		if _, err := bearer(t.Context()); err == nil || retryable(err) {
			t.Errorf("%s: %v", of, err)
		}
	}
}

func TestErrors_SayThatAPersonHasToSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		code, description, reason string
		want                      bool
	}{
		"unused for 90 days": {"invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.", "90 days", true},
		"password changed":   {"invalid_grant", "AADSTS50173: The provided grant has expired.", "new password", true},
		"MFA":                {"invalid_grant", "AADSTS50076: Due to a configuration change", "multi-factor", true},
		"MFA to set up":      {"interaction_required", "AADSTS50079: Due to a configuration change", "multi-factor", true},
		"no consent":         {"invalid_grant", "AADSTS65001: The user or administrator has not consented", "consent", true},
		"an unknown code":    {"invalid_grant", "AADSTS99999: Something else.", "Something else", true},
		"no code":            {"invalid_grant", "", "invalid_grant", true},
		"wrong secret":       {"invalid_client", "AADSTS7000215: Invalid client secret provided.", "secret is wrong", false},
		"expired secret":     {"invalid_client", "AADSTS7000222: The provided client secret keys are expired.", "secret has expired", false},
		"a scope unknown":    {"invalid_scope", "AADSTS70011: The provided value for scope is not valid.", "invalid_scope", false},
	} {
		for of, err := range failures(t, refuse(400, c.code, c.description)) {
			if got := errors.Is(err, oauth2auth.ErrSignInRequired); got != c.want {
				t.Errorf("%s, %s: sign-in required is %t: %v", name, of, got, err)
			}
			for _, text := range []string{c.reason, strings.Split(c.description, ":")[0]} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%s, %s: %q is not in %v", name, of, text, err)
				}
			}
			var refused *oauth2.RetrieveError
			if !errors.As(err, &refused) || refused.ErrorCode != c.code {
				t.Errorf("%s, %s: the error of x/oauth2 is not in %#v", name, of, err)
			}
		}
	}
}

func TestErrors_OfASourceThatKeepsNoAnswerSayWhatItKnows(t *testing.T) {
	_, err := oauth2auth.Bearer(sourceFunc(func() (*oauth2.Token, error) {
		return nil, &oauth2.RetrieveError{ErrorCode: "invalid_grant", ErrorDescription: "AADSTS50173"}
	}))(t.Context())
	if !errors.Is(err, oauth2auth.ErrSignInRequired) || retryable(err) {
		t.Errorf("got %v", err)
	}
}

func TestErrors_KeepSecretsThatEntraRepeats(t *testing.T) {
	repeat := func(contentType string, status int, format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprintf(w, format, r.PostForm.Get("client_secret"), r.PostForm.Get("refresh_token"))
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"text":        repeat("text/html", 502, "<p>you sent %s and %s</p>"),
		"description": repeat("application/json", 400, `{"error":"invalid_grant","error_description":"bad: %s, %s"}`),
		"code":        repeat("application/json", 400, `{"error":"%s","error_uri":"%s"}`),
		"new tokens":  repeat("application/json", 500, `{"access_token":"canary-access-1", "x": [%q, %q]`),
		"status line": func(w http.ResponseWriter, r *http.Request) {
			said := "no HTTP"
			if r.FormValue("grant_type") == "refresh_token" { // clientcredentials does not show the secret that it has
				said = r.FormValue("refresh_token") + "/" + r.FormValue("client_secret")
			}
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(conn, "%s\r\n\r\n", said)
			_ = conn.Close()
		},
	} {
		for of, err := range failures(t, answer) {
			wrapped := fmt.Errorf("getting the bearer: %w", err)
			for _, text := range []string{
				err.Error(), wrapped.Error(), fmt.Sprintf("%v %+v %#v %q %s", err, err, err, err, err), fmt.Sprintf("%+v %#v", wrapped, wrapped),
			} {
				if strings.Contains(text, "canary") {
					t.Errorf("%s, %s: %s", name, of, text)
				}
			}
			if asJSON, _ := json.Marshal(err); strings.Contains(string(asJSON), "canary") {
				t.Errorf("%s, %s: as JSON %s", name, of, asJSON)
			}
		}
	}
}

func TestErrors_OfTheStoreKeepSecrets(t *testing.T) {
	_, err := oauth2auth.RefreshToken(config, &memory{token: "canary-refresh-0", failures: 1})((&entra{}).in(t.Context()))
	if text := fmt.Sprintf("%+v", err); !errors.Is(err, errStore) || strings.Contains(text, "canary") {
		t.Errorf("got %s", text)
	}
}
