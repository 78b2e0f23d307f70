package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
)

func TestBearer_IsJudgedByItsClaims(t *testing.T) {
	const (
		partnerCenter = "https://api.partnercenter.microsoft.com"
		china         = "https://partner.partnercenterapi.microsoftonline.cn"
		graph         = "https://graph.windows.net"
		v3, legacy    = "/v3/generatetoken", "/generatetoken"
	)
	at := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(time.Now().Add(d)) }
	tests := map[string]struct {
		path   string
		claims jwt.RegisteredClaims
		status int
		code   string
		says   string
	}{
		"for Partner Center":                 {v3, jwt.RegisteredClaims{Audience: []string{partnerCenter}}, 200, "", ""},
		"for Partner Center, with a slash":   {v3, jwt.RegisteredClaims{Audience: []string{partnerCenter + "/"}}, 200, "", ""},
		"for its application id":             {v3, jwt.RegisteredClaims{Audience: []string{"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"}}, 200, "", ""},
		"for it among others":                {v3, jwt.RegisteredClaims{Audience: []string{"other", partnerCenter}}, 200, "", ""},
		"for Azure AD Graph":                 {v3, jwt.RegisteredClaims{Audience: []string{graph}}, 401, "900420", graph},
		"for Azure AD Graph, to the legacy":  {legacy, jwt.RegisteredClaims{Audience: []string{graph}}, 200, "", ""},
		"for another service, to the legacy": {legacy, jwt.RegisteredClaims{Audience: []string{"https://management.azure.com"}}, 401, "900420", "management.azure.com"},
		"for China":                          {v3, jwt.RegisteredClaims{Audience: []string{china}}, 200, "", ""},
		"for China, to the legacy":           {legacy, jwt.RegisteredClaims{Audience: []string{china}}, 200, "", ""},
		"for China's Graph":                  {v3, jwt.RegisteredClaims{Audience: []string{"https://graph.chinacloudapi.cn"}}, 401, "900420", "chinacloudapi"},
		"for China's Graph, to the legacy":   {legacy, jwt.RegisteredClaims{Audience: []string{"https://graph.chinacloudapi.cn"}}, 200, "", ""},
		"for nobody":                         {v3, jwt.RegisteredClaims{}, 401, "900420", "audience"},
		"expired":                            {v3, jwt.RegisteredClaims{Audience: []string{partnerCenter}, ExpiresAt: at(-time.Second)}, 401, "800001", "expired"},
		"not valid yet":                      {v3, jwt.RegisteredClaims{Audience: []string{partnerCenter}, NotBefore: at(time.Minute)}, 401, "800001", "not valid before"},
		"valid now":                          {v3, jwt.RegisteredClaims{Audience: []string{partnerCenter}, NotBefore: at(-time.Minute), ExpiresAt: at(time.Minute)}, 200, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, test.claims).SignedString([]byte("canary"))
			if err != nil {
				t.Fatal(err)
			}
			resp, body := answered(t, start(t), sent{path: test.path, header: map[string]string{"Authorization": "Bearer " + token}})
			if resp.StatusCode != test.status {
				t.Fatalf("status %d: %s", resp.StatusCode, body)
			}
			if strings.Contains(string(body), token) {
				t.Error("the bearer is in the answer")
			}
			if test.status == 200 {
				return
			}
			var e gen.Error
			decode(t, resp, body, &e)
			if e.Code != test.code || !strings.Contains(e.Description, test.says) || resp.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
				t.Errorf("got %s, WWW-Authenticate %q", body, resp.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestWithStrictBearers_RefusesWhatIsNoJWT(t *testing.T) {
	server := start(t, emulator.WithStrictBearers())
	resp, body := answered(t, server, sent{})
	var e gen.Error
	decode(t, resp, body, &e)
	if resp.StatusCode != 401 || e.Code != "800001" || !strings.Contains(e.Description, "JWT") {
		t.Errorf("an opaque bearer got %s %s", resp.Status, body)
	}
	if resp, body := answered(t, server, ofTenant(t, "a")); resp.StatusCode != 200 {
		t.Errorf("a JWT got %s %s", resp.Status, body)
	}
}

func TestWithGraphRetired_RefusesGraphsAudience(t *testing.T) {
	for _, audience := range []string{"https://graph.windows.net", "https://graph.chinacloudapi.cn"} {
		s := bearing(t, jwt.MapClaims{"aud": audience})
		s.path = "/generatetoken"
		resp, body := answered(t, start(t, emulator.WithGraphRetired()), s)
		var e gen.Error
		decode(t, resp, body, &e)
		if resp.StatusCode != 401 || e.Code != "900420" {
			t.Errorf("%s got %s %s", audience, resp.Status, body)
		}
	}
}

// bearing is a request with a JWT of these claims.
func bearing(t *testing.T, claims jwt.MapClaims) sent {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	return sent{header: map[string]string{"Authorization": "Bearer " + token}}
}

func TestWithMFARequired_RefusesPersonsWithoutMFA(t *testing.T) {
	const audience = "https://api.partnercenter.microsoft.com"
	for name, test := range map[string]struct {
		claims   jwt.MapClaims
		required int // the status where MFA is required
	}{
		"a person with MFA":         {jwt.MapClaims{"aud": audience, "scp": "user_impersonation", "amr": []string{"pwd", "mfa"}}, 200},
		"a person without MFA":      {jwt.MapClaims{"aud": audience, "scp": "user_impersonation", "amr": []string{"pwd"}}, 401},
		"a person without amr":      {jwt.MapClaims{"aud": audience, "scp": "user_impersonation"}, 401},
		"a person with another mfa": {jwt.MapClaims{"aud": audience, "scp": "user_impersonation", "amr": []string{"mfax"}}, 401},
		"an app":                    {jwt.MapClaims{"aud": audience, "roles": []string{"admin"}}, 200},
		"an app that says nothing":  {jwt.MapClaims{"aud": audience}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := bearing(t, test.claims)
			if resp, body := answered(t, start(t), s); resp.StatusCode != 200 {
				t.Errorf("by default got %s %s", resp.Status, body)
			}
			resp, body := answered(t, start(t, emulator.WithMFARequired()), s)
			if resp.StatusCode != test.required {
				t.Fatalf("got %s %s", resp.Status, body)
			}
			if test.required == 200 {
				return
			}
			var e gen.Error
			decode(t, resp, body, &e)
			if e.Code != "900421" || !strings.Contains(e.Description, "MFA") {
				t.Errorf("got %s", body)
			}
		})
	}
	if resp, _ := answered(t, start(t, emulator.WithMFARequired()), sent{}); resp.StatusCode != 200 {
		t.Errorf("an opaque bearer got %s", resp.Status)
	}
}

func TestBearer_IsJudgedByTheEmulatorsClock(t *testing.T) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Audience:  []string{"https://api.partnercenter.microsoft.com"},
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).SignedString([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	server := start(t)
	server.SetClockOffset(2 * time.Hour)
	resp, body := answered(t, server, sent{header: map[string]string{"Authorization": "Bearer " + token}})
	if resp.StatusCode != 401 || !strings.Contains(string(body), "expired") {
		t.Errorf("got %s %s", resp.Status, body)
	}
}
