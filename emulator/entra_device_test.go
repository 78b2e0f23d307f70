package emulator_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func polled(t *testing.T, server *emulator.Server, deviceCode string, more ...string) entraAnswer {
	t.Helper()
	return askEntra(t, server, "token", form(append([]string{
		"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "an-app", "device_code", deviceCode,
	}, more...)...))
}

func TestDeviceCode_TellsWhereToSignIn(t *testing.T) {
	server := start(t, emulator.WithEntra())
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	if d.Page != server.URL+"/devicelogin" || d.ExpiresIn != 900 || d.Interval != 1 || len(d.UserCode) != 9 {
		t.Errorf("got %+v", d)
	}
	if !strings.Contains(d.Message, d.Page) || !strings.Contains(d.Message, d.UserCode) {
		t.Errorf("the message is %q", d.Message)
	}
	second := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	waiting := server.DeviceCodes()
	if len(waiting) != 2 || waiting[1].UserCode != second.UserCode || waiting[0].UserCode != d.UserCode || waiting[0].ClientID != "an-app" ||
		waiting[0].Scope != personScope || waiting[0].Tenant != "a-tenant" {
		t.Errorf("waiting are %+v", waiting)
	}
}

func TestDeviceCode_GoesItsWay(t *testing.T) {
	server := start(t, emulator.WithEntra())
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	later := time.Duration(0)
	step := func(wait time.Duration, kind string, codes ...int) {
		t.Helper()
		later += wait
		server.SetClockOffset(later)
		if answer := polled(t, server, d.DeviceCode); answer.Status != 400 || answer.Error != kind || !slices.Equal(answer.Codes, codes) {
			t.Errorf("after %s got %+v, want %s", later, answer, kind)
		}
	}
	step(0, "authorization_pending", 70016)
	step(time.Second, "authorization_pending", 70016)
	step(time.Second, "authorization_pending", 70016)
	if answer := polled(t, server, d.DeviceCode, "client_id", "b"); !slices.Equal(answer.Codes, []int{70000}) {
		t.Errorf("another client got %+v", answer)
	}
	if err := server.AnswerDeviceCode(strings.ToLower(" "+d.UserCode), emulator.SignIn{}); err != nil {
		t.Fatal(err)
	}
	if len(server.DeviceCodes()) != 0 {
		t.Error("an answered code still waits")
	}
	if err := server.AnswerDeviceCode(d.UserCode, emulator.SignIn{Declined: true}); err == nil {
		t.Error("it could be answered twice")
	}
	answer := polled(t, server, d.DeviceCode)
	if answer.Status != 200 || answer.RefreshToken == "" || answer.IDToken == "" || methods(t, answer.AccessToken) != `["pwd","mfa"]` {
		t.Errorf("got %+v", answer)
	}
	step(time.Second, "bad_verification_code", 70018)
}

func TestDeviceCode_CanBeDeclined(t *testing.T) {
	server := start(t, emulator.WithEntra())
	answer := signedIn(t, server, personScope, emulator.SignIn{Declined: true})
	if answer.Status != 400 || answer.Error != "authorization_declined" {
		t.Errorf("got %+v", answer)
	}
}

func TestDeviceCode_Expires(t *testing.T) {
	server := start(t, emulator.WithEntra())
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	server.SetClockOffset(15*time.Minute - time.Second)
	if answer := polled(t, server, d.DeviceCode); answer.Error != "authorization_pending" {
		t.Errorf("before its end got %+v", answer)
	}
	server.SetClockOffset(15 * time.Minute)
	if answer := polled(t, server, d.DeviceCode); answer.Error != "expired_token" || !slices.Equal(answer.Codes, []int{70019}) {
		t.Errorf("after its end got %+v", answer)
	}
	if err := server.AnswerDeviceCode(d.UserCode, emulator.SignIn{}); err == nil || !strings.Contains(err.Error(), d.UserCode) {
		t.Errorf("after its end it could be answered: %v", err)
	}
}

func TestWithAutomaticSignIn_AnswersAfterSomePolls(t *testing.T) {
	for polls, answer := range []emulator.SignIn{{}, {WithoutMFA: true}, {Declined: true}} {
		server := start(t, emulator.WithEntra(), emulator.WithAutomaticSignIn(answer, polls))
		d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
		for i := range polls {
			server.SetClockOffset(time.Duration(i) * time.Second)
			if got := polled(t, server, d.DeviceCode); got.Error != "authorization_pending" {
				t.Errorf("poll %d of %d got %+v", i+1, polls, got)
			}
		}
		got := polled(t, server, d.DeviceCode)
		switch {
		case answer.Declined:
			if got.Error != "authorization_declined" {
				t.Errorf("got %+v", got)
			}
		case strings.Contains(methods(t, got.AccessToken), "mfa") == answer.WithoutMFA:
			t.Errorf("%+v got amr %s", answer, methods(t, got.AccessToken))
		}
	}
	if _, err := emulator.New(emulator.WithAutomaticSignIn(emulator.SignIn{}, -1)); err == nil {
		t.Error("a negative number of polls is taken")
	}
}

func TestDeviceCode_IsAnsweredOnItsPage(t *testing.T) {
	server := start(t, emulator.WithEntra())
	resp, page := call(t, server, "GET", "/devicelogin?user_code=%3Cb%3E", "")
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("its policy is %q", policy)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("it can be cached")
	}
	if text := string(page); !strings.Contains(text, `name="user_code"`) || !strings.Contains(text, "&lt;b&gt;") {
		t.Errorf("the page is %s", text)
	}
	for value, want := range map[string]string{"mfa": `["pwd","mfa"]`, "password": `["pwd"]`, "declined": ""} {
		d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
		resp, body := post(t, server, "/devicelogin", form("user_code", d.UserCode, "sign_in", value))
		if resp.StatusCode != 200 || !strings.Contains(string(body), "Done") {
			t.Errorf("%s got %s %s", value, resp.Status, body)
		}
		answer := polled(t, server, d.DeviceCode)
		if want == "" {
			if answer.Error != "authorization_declined" {
				t.Errorf("%s brought %+v", value, answer)
			}
		} else if amr := methods(t, answer.AccessToken); amr != want {
			t.Errorf("%s brought amr %s", value, amr)
		}
	}
	if resp, body := post(t, server, "/devicelogin", form("user_code", "NONE", "sign_in", "mfa")); resp.StatusCode != 400 || !strings.Contains(string(body), "mistyped") {
		t.Errorf("a code that is none got %s %s", resp.Status, body)
	}
}

func TestDeviceCode_IsNotAnsweredByAPageOfAnotherSite(t *testing.T) {
	server := start(t, emulator.WithEntra())
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	resp, _ := post(t, server, "/devicelogin", form("user_code", d.UserCode, "sign_in", "mfa"), "Sec-Fetch-Site", "cross-site")
	if resp.StatusCode != 403 || len(server.DeviceCodes()) != 1 {
		t.Errorf("got %s", resp.Status)
	}
}

// post sends a form as a browser does, and does not follow where it leads.
func post(t *testing.T, server *emulator.Server, path string, values url.Values, header ...string) (*http.Response, []byte) {
	t.Helper()
	return browse(t, server, http.MethodPost, path, values.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

func browse(t *testing.T, server *emulator.Server, method, path, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return read(t, client, req)
}
