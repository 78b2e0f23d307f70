package emulator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
)

// exchanged returns a token that the server gives.
func exchanged(t *testing.T, server *emulator.Server, header ...string) string {
	t.Helper()
	s := sent{header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		s.header[header[i]] = header[i+1]
	}
	resp, body := answered(t, server, s)
	var token gen.AccessToken
	decode(t, resp, body, &token)
	return token.AccessToken
}

func atResource(t *testing.T, server *emulator.Server, authorization string) (*http.Response, []byte) {
	t.Helper()
	return call(t, server, http.MethodGet, "/_emulator/resource", "", "Authorization", authorization)
}

func TestResource_TakesATokenOfThisEmulator(t *testing.T) {
	server := start(t)
	token := exchanged(t, server)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
		t.Run(method, func(t *testing.T) {
			resp, body := call(t, server, method, "/_emulator/resource", "", "Authorization", "Bearer "+token, "X-Api-Key", "canary", "Accept", "text/x")
			var header http.Header
			if err := json.Unmarshal(body, &header); err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s %s: %v", resp.Status, body, err)
			}
			if bytes.Contains(body, []byte(token)) || bytes.Contains(body, []byte("canary")) {
				t.Errorf("a secret is in %s", body)
			}
			if header.Get("Authorization") != "Bearer REDACTED" {
				t.Errorf("Authorization is %q", header.Get("Authorization"))
			}
			if header.Get("Accept") != "text/x" {
				t.Errorf("Accept is %q", header.Get("Accept"))
			}
			if resp.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer can be cached")
			}
		})
	}
}

func TestResource_RefusesWhatIsNoTokenOfThisEmulator(t *testing.T) {
	server, other := start(t), start(t)
	for name, test := range map[string]struct{ authorization, says, challenge string }{
		"nothing":              {"", "no bearer", "Bearer"},
		"another scheme":       {"Basic Y2FuYXJ5", "no bearer", "Bearer"},
		"any bearer":           {"Bearer canary", "no token that this emulator gave", `Bearer error="invalid_token"`},
		"a token of another's": {"Bearer " + exchanged(t, other), "no token that this emulator gave", `Bearer error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := atResource(t, server, test.authorization)
			var e gen.Error
			decode(t, resp, body, &e)
			if resp.StatusCode != 401 || e.Code != "800001" || e.Source != "emulator" {
				t.Errorf("got %s %s", resp.Status, body)
			}
			if !strings.Contains(e.Description, test.says) {
				t.Errorf("it says %q", e.Description)
			}
			if got := resp.Header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate is %q", got)
			}
		})
	}
}

func TestResource_TakesATokenUntilItExpires(t *testing.T) {
	server := start(t, emulator.WithTokenLifetime(time.Hour))
	id := uuid.NewString()
	token := exchanged(t, server, "ms-requestid", id)
	for later, want := range map[time.Duration]int{time.Hour - time.Minute: 200, time.Hour: 401, 24 * time.Hour: 401, -time.Hour: 200} {
		server.SetClockOffset(later)
		if resp, body := atResource(t, server, "Bearer "+token); resp.StatusCode != want {
			t.Errorf("after %s got %s %s", later, resp.Status, body)
		}
	}
	// A request id that gets its token again gets its whole lifetime again.
	server.SetClockOffset(5 * time.Minute)
	if exchanged(t, server, "ms-requestid", id) != token {
		t.Fatal("the same request got another token")
	}
	server.SetClockOffset(time.Hour + 4*time.Minute)
	if resp, _ := atResource(t, server, "Bearer "+token); resp.StatusCode != 200 {
		t.Errorf("a token that was given again got %s", resp.Status)
	}
}

func TestRevoke_TakesTheTokensThatAreNamed(t *testing.T) {
	server := start(t)
	first, second, third := exchanged(t, server), exchanged(t, server), exchanged(t, server)
	if n := server.Revoke(first, "none"); n != 1 {
		t.Errorf("revoked %d", n)
	}
	if n := server.Revoke(first); n != 0 {
		t.Errorf("revoked %d again", n)
	}
	got := func() (got []int) {
		for _, token := range []string{first, second, third} {
			resp, _ := atResource(t, server, "Bearer "+token)
			got = append(got, resp.StatusCode)
		}
		return got
	}
	if got := got(); !slices.Equal(got, []int{401, 200, 200}) {
		t.Errorf("after one: %v", got)
	}
	if n := server.Revoke(); n != 2 {
		t.Errorf("revoked %d of the rest", n)
	}
	if got := got(); !slices.Equal(got, []int{401, 401, 401}) {
		t.Errorf("after all: %v", got)
	}
	if resp, body := atResource(t, server, "Bearer "+first); !strings.Contains(string(body), "revoked") {
		t.Errorf("it says %s %s", resp.Status, body)
	}
	if resp, _ := atResource(t, server, "Bearer "+exchanged(t, server)); resp.StatusCode != 200 {
		t.Errorf("a new token got %s", resp.Status)
	}
}

func TestRevoke_KeepsAnExchangeFromGettingTheTokenAgain(t *testing.T) {
	server := start(t)
	id := uuid.NewString()
	first := exchanged(t, server, "ms-requestid", id)
	server.Revoke(first)
	if exchanged(t, server, "ms-requestid", id) == first {
		t.Error("the same request got the revoked token")
	}
}

func TestRevoke_IsInTheAdminAPI(t *testing.T) {
	server := start(t)
	first, second := exchanged(t, server), exchanged(t, server)
	if _, body := call(t, server, "POST", "/_emulator/revoke", `{"token":"`+first+`"}`); string(body) != "{\"revoked\":1}\n" {
		t.Errorf("got %s", body)
	}
	if resp, _ := atResource(t, server, "Bearer "+second); resp.StatusCode != 200 {
		t.Errorf("the other token got %s", resp.Status)
	}
	if _, body := call(t, server, "POST", "/_emulator/revoke", ""); string(body) != "{\"revoked\":1}\n" {
		t.Errorf("got %s", body)
	}
}

func TestReset_ForgetsTokens(t *testing.T) {
	server := start(t)
	token := exchanged(t, server)
	server.Reset()
	if resp, _ := atResource(t, server, "Bearer "+token); resp.StatusCode != 401 {
		t.Errorf("got %s", resp.Status)
	}
}

func TestFault_IsMetAtItsPlace(t *testing.T) {
	server := startWith(t, emulator.Fault{Status: 401, Code: "900421", At: emulator.AtResource, Times: 2}, emulator.Fault{Status: 500})
	if got := statuses(t, server, 2); !slices.Equal(got, []int{500, 200}) {
		t.Errorf("the endpoint answered %v", got)
	}
	token := exchanged(t, server)
	for i, want := range []int{401, 401, 200} {
		resp, body := atResource(t, server, "Bearer "+token)
		if resp.StatusCode != want || (want == 401) != strings.Contains(string(body), `"code":"900421"`) {
			t.Errorf("request %d got %s %s", i+1, resp.Status, body)
		}
	}
}

func TestFault_CountsTheRequestsOfItsPlace(t *testing.T) {
	server := startWith(t, emulator.Fault{Status: 503, At: emulator.AtResource, Every: 2})
	token := exchanged(t, server)
	var got []int
	for range 4 {
		statuses(t, server, 1)
		resp, _ := atResource(t, server, "Bearer "+token)
		got = append(got, resp.StatusCode)
	}
	if !slices.Equal(got, []int{200, 503, 200, 503}) {
		t.Errorf("got %v", got)
	}
}
