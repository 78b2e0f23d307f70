package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestEntra_GivesTokensForTheScope(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for scope, want := range map[string]struct{ audience, scp, answer string }{
		partnerCenter + "/user_impersonation": {partnerCenter, "user_impersonation", partnerCenter + "/user_impersonation"},
		partnerCenter + "/.default":           {partnerCenter, "user_impersonation", partnerCenter + "/user_impersonation " + partnerCenter + "/.default"},
		"https://a/x https://a/y":             {"https://a", "x y", "https://a/x https://a/y"},
		"https://a//x":                        {"https://a/", "x", "https://a//x"},
		"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default": {"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "user_impersonation",
			"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/user_impersonation fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default"},
		"User.Read": {"https://graph.microsoft.com", "User.Read", "https://graph.microsoft.com/User.Read"},
	} {
		t.Run(scope, func(t *testing.T) {
			answer := signedIn(t, server, scope, emulator.SignIn{})
			claims := claimsOf(t, answer.AccessToken)
			if claims["aud"] != want.audience || claims["scp"] != want.scp || answer.Scope != want.answer {
				t.Errorf("aud %v, scp %v, scope %q", claims["aud"], claims["scp"], answer.Scope)
			}
			if answer.RefreshToken != "" || answer.IDToken != "" {
				t.Error("it brings tokens that were not asked for")
			}
			if answer.ClientInfo == "" {
				t.Error("MSAL misses client_info")
			}
		})
	}
}

func TestEntra_SaysWhoSignedInAndForHowLong(t *testing.T) {
	server := start(t, emulator.WithEntra())
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	if err := server.AnswerDeviceCode(d.UserCode, emulator.SignIn{}); err != nil {
		t.Fatal(err)
	}
	answer := polled(t, server, d.DeviceCode)
	text, err := base64.RawURLEncoding.DecodeString(answer.ClientInfo)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ UID, UTID string }
	if err := json.Unmarshal(text, &info); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"access": answer.AccessToken, "ID": answer.IDToken} {
		claims := claimsOf(t, token)
		if claims["oid"] != info.UID || claims["sub"] != info.UID || claims["tid"] != info.UTID || info.UTID != "a-tenant" {
			t.Errorf("the %s token has %v, client_info is %s", name, claims, text)
		}
		if claims["iss"] != server.URL+"/a-tenant/v2.0" {
			t.Errorf("the %s token's issuer is %v", name, claims["iss"])
		}
		from, until := claims["iat"].(float64), claims["exp"].(float64)
		if until-from != 3600 || claims["nbf"] != claims["iat"] {
			t.Errorf("the %s token is valid from %v to %v", name, claims["nbf"], claims["exp"])
		}
	}
	if claims := claimsOf(t, answer.AccessToken); claims["upn"] != claimsOf(t, answer.IDToken)["preferred_username"] || claims["upn"] == nil {
		t.Errorf("the person is %v", claims["upn"])
	}
	if answer.ExpiresIn != 3600 || answer.ExtExpiresIn != 3600 {
		t.Errorf("it lasts %d, %d", answer.ExpiresIn, answer.ExtExpiresIn)
	}
}

func TestEntra_KnowsTheTenantOfAPersonThatNamesNone(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for _, authority := range []string{"common", "organizations", "consumers"} {
		resp, body := post(t, server, "/"+authority+"/oauth2/v2.0/token", form(
			"grant_type", "client_credentials", "client_id", "a", "client_secret", "s", "scope", partnerCenter+"/.default"))
		var answer entraAnswer
		decode(t, resp, body, &answer)
		tenant, _ := claimsOf(t, answer.AccessToken)["tid"].(string)
		if uuid.Validate(tenant) != nil {
			t.Errorf("at %s the tenant is %q", authority, tenant)
		}
	}
}

func TestEntra_GivesIDAndRefreshTokensForTheirScopesAlone(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for scope, want := range map[string]struct{ id, refresh bool }{
		"":                      {false, false},
		"profile email":         {false, false},
		"openid":                {true, false},
		"offline_access":        {false, true},
		"openid offline_access": {true, true},
	} {
		answer := signedIn(t, server, partnerCenter+"/.default "+scope, emulator.SignIn{})
		if got := answer.IDToken != ""; got != want.id {
			t.Errorf("%q brings an ID token: %t", scope, got)
		}
		if got := answer.RefreshToken != ""; got != want.refresh {
			t.Errorf("%q brings a refresh token: %t", scope, got)
		}
	}
}
