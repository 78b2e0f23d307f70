package emulator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestEntra_ChecksWhatItIsAsked(t *testing.T) {
	app := []string{"grant_type", "client_credentials", "client_id", "an-app", "client_secret", "any", "scope", partnerCenter + "/.default"}
	refresh := []string{"grant_type", "refresh_token", "client_id", "an-app", "refresh_token", "none"}
	redeem := []string{"grant_type", "authorization_code", "client_id", "an-app", "code", "none", "redirect_uri", "http://localhost"}
	poll := []string{"grant_type", "device_code", "client_id", "an-app", "device_code", "none"}
	device := []string{"client_id", "an-app", "scope", personScope}
	for name, test := range map[string]struct {
		endpoint string
		request  []string
		but      []string
		status   int
		kind     string
		code     int
		says     string
	}{
		"no grant":                   {"token", app, []string{"grant_type", ""}, 400, "invalid_request", 900144, "'grant_type'"},
		"another grant":              {"token", app, []string{"grant_type", "password"}, 400, "unsupported_grant_type", 70003, ""},
		"no client":                  {"token", app, []string{"client_id", ""}, 400, "invalid_request", 900144, "'client_id'"},
		"no secret":                  {"token", app, []string{"client_secret", ""}, 400, "invalid_client", 7000216, ""},
		"a wrong secret":             {"token", app, []string{"client_secret", "wrong"}, 400, "invalid_client", 7000215, "Invalid client secret provided."},
		"a wrong assertion":          {"token", app, []string{"client_secret", "", "client_assertion", "wrong"}, 400, "invalid_client", 7000215, ""},
		"an expired secret":          {"token", app, []string{"client_secret", "expired"}, 400, "invalid_client", 7000222, ""},
		"an app, no scope":           {"token", app, []string{"scope", ""}, 400, "invalid_request", 900144, "'scope'"},
		"an app, a permission":       {"token", app, []string{"scope", partnerCenter + "/user_impersonation"}, 400, "invalid_scope", 1002012, ""},
		"an app, no resource":        {"token", app, []string{"scope", "openid"}, 400, "invalid_scope", 1002012, ""},
		"an app, two resources":      {"token", app, []string{"scope", "https://a/.default https://b/.default"}, 400, "invalid_scope", 1002012, ""},
		"an app, no permission":      {"token", app, []string{"scope", partnerCenter}, 400, "invalid_scope", 1002012, ""},
		"no refresh token":           {"token", refresh, []string{"refresh_token", ""}, 400, "invalid_request", 900144, "'refresh_token'"},
		"an unknown refresh token":   {"token", refresh, nil, 400, "invalid_grant", 9002313, ""},
		"no code":                    {"token", redeem, []string{"code", ""}, 400, "invalid_request", 900144, "'code'"},
		"no redirect URI":            {"token", redeem, []string{"redirect_uri", ""}, 400, "invalid_request", 900144, "'redirect_uri'"},
		"an unknown code":            {"token", redeem, nil, 400, "invalid_grant", 9002313, ""},
		"no device code":             {"token", poll, []string{"device_code", ""}, 400, "invalid_request", 900144, "'device_code'"},
		"an unknown device code":     {"token", poll, nil, 400, "bad_verification_code", 70018, ""},
		"a device, no client":        {"devicecode", device, []string{"client_id", ""}, 400, "invalid_request", 900144, "'client_id'"},
		"a device, no scope":         {"devicecode", device, []string{"scope", ""}, 400, "invalid_request", 900144, "'scope'"},
		"a device, two resources":    {"devicecode", device, []string{"scope", "https://a/x https://b/x"}, 400, "invalid_scope", 70011, ""},
		"a device, too much default": {"devicecode", device, []string{"scope", "https://a/x https://a/.default"}, 400, "invalid_scope", 70011, ""},
		"a device, no permission":    {"devicecode", device, []string{"scope", partnerCenter}, 400, "invalid_scope", 70011, ""},
		"a device, an empty name":    {"devicecode", device, []string{"scope", "https://a/"}, 400, "invalid_scope", 70011, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, emulator.WithEntra())
			answer := askEntra(t, server, test.endpoint, form(append(slices.Clone(test.request), test.but...)...))
			if answer.Status != test.status || answer.Error != test.kind || !slices.Equal(answer.Codes, []int{test.code}) {
				t.Errorf("got %+v", answer)
			}
			if !strings.Contains(answer.Description, test.says) {
				t.Errorf("it says %q", answer.Description)
			}
		})
	}
}

func TestEntra_RefusesInItsOwnForm(t *testing.T) {
	server := start(t, emulator.WithEntra())
	server.SetClockOffset(-24 * time.Hour)
	id := uuid.NewString()
	answer := askEntra(t, server, "token", form("grant_type", "refresh_token", "client_id", "a", "refresh_token", "canary"), "client-request-id", id)
	if !strings.HasPrefix(answer.Description, "AADSTS9002313: ") {
		t.Errorf("the description is %q", answer.Description)
	}
	if strings.Contains(answer.Description, "canary") {
		t.Error("it repeats the refresh token")
	}
	if want := "\r\nTrace ID: " + answer.TraceID + "\r\nCorrelation ID: " + id + "\r\nTimestamp: " + answer.Timestamp; !strings.HasSuffix(answer.Description, want) {
		t.Errorf("the description is %q", answer.Description)
	}
	if other := askEntra(t, server, "token", form(), "client-request-id", "canary"); uuid.Validate(other.CorrelationID) != nil {
		t.Errorf("the correlation id is %q", other.CorrelationID)
	}
	if answer.CorrelationID != id {
		t.Errorf("the correlation id is %q, sent %q", answer.CorrelationID, id)
	}
	if uuid.Validate(answer.TraceID) != nil || answer.TraceID == id {
		t.Errorf("the trace id is %q", answer.TraceID)
	}
	at, err := time.Parse("2006-01-02 15:04:05Z", answer.Timestamp)
	if ago := time.Since(at); err != nil || ago < 24*time.Hour || ago > 25*time.Hour {
		t.Errorf("the timestamp is %q", answer.Timestamp)
	}
}

func TestEntra_MeetsItsFaults(t *testing.T) {
	for spec, want := range map[string]struct {
		status int
		kind   string
		codes  []int
	}{
		"AADSTS700082":                        {400, "invalid_grant", []int{700082}},
		"AADSTS50173":                         {400, "invalid_grant", []int{50173}},
		"AADSTS50076":                         {400, "invalid_grant", []int{50076}},
		"AADSTS50079":                         {400, "invalid_grant", []int{50079}},
		"AADSTS65001":                         {400, "invalid_grant", []int{65001}},
		"AADSTS7000215":                       {400, "invalid_client", []int{7000215}},
		"AADSTS7000222":                       {400, "invalid_client", []int{7000222}},
		"AADSTS53003":                         {400, "invalid_grant", []int{53003}},
		"AADSTS50076:403":                     {403, "invalid_grant", []int{50076}},
		"entra:503":                           {503, "temporarily_unavailable", []int{}},
		"entra:429:retry-after=7":             {429, "temporarily_unavailable", []int{}},
		"entra:500":                           {500, "server_error", []int{}},
		"entra:400":                           {400, "invalid_request", []int{}},
		"entra:400:code=interaction_required": {400, "interaction_required", []int{}},
		"entra:400:code=slow_down":            {400, "slow_down", []int{}},
	} {
		t.Run(spec, func(t *testing.T) {
			fault, err := emulator.ParseFault(spec)
			if err != nil {
				t.Fatal(err)
			}
			server := start(t, emulator.WithEntra(), emulator.WithFaults(fault))
			statuses(t, server, 1) // the endpoint does not meet it
			request := form("grant_type", "client_credentials", "client_id", "a", "client_secret", "s", "scope", partnerCenter+"/.default")
			answer := askEntra(t, server, "token", request)
			if answer.Status != want.status || answer.Error != want.kind || !slices.Equal(answer.Codes, want.codes) {
				t.Errorf("got %+v", answer)
			}
			if strings.HasPrefix(answer.Description, "AADSTS") != (len(want.codes) > 0) {
				t.Errorf("the description is %q", answer.Description)
			}
			if answer := askEntra(t, server, "token", request); answer.Status != 200 {
				t.Errorf("after the fault got %+v", answer)
			}
		})
	}
}
