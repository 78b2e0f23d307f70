package emulator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func refreshed(t *testing.T, server *emulator.Server, token string, more ...string) entraAnswer {
	t.Helper()
	return askEntra(t, server, "token", form(append([]string{"grant_type", "refresh_token", "client_id", "an-app", "refresh_token", token}, more...)...))
}

func TestRefreshToken_BringsANewOneAndStaysValid(t *testing.T) {
	server := start(t, emulator.WithEntra())
	first := signedIn(t, server, personScope, emulator.SignIn{})
	second := refreshed(t, server, first.RefreshToken)
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken {
		t.Errorf("got %+v", second)
	}
	if claims := claimsOf(t, second.AccessToken); claims["aud"] != partnerCenter || claims["scp"] != "user_impersonation" {
		t.Errorf("without a scope got claims %v", claims)
	}
	for name, token := range map[string]string{"the old": first.RefreshToken, "the new": second.RefreshToken} {
		if answer := refreshed(t, server, token); answer.Status != 200 {
			t.Errorf("%s one got %+v", name, answer)
		}
	}
}

func TestWithSingleUseRefreshTokens_RefusesTheOldOne(t *testing.T) {
	server := start(t, emulator.WithEntra(), emulator.WithSingleUseRefreshTokens())
	first := signedIn(t, server, personScope, emulator.SignIn{})
	second := refreshed(t, server, first.RefreshToken)
	if again := refreshed(t, server, first.RefreshToken); !slices.Equal(again.Codes, []int{50173}) {
		t.Errorf("the old one got %+v", again)
	}
	if third := refreshed(t, server, second.RefreshToken); third.Status != 200 {
		t.Errorf("the new one got %+v", third)
	}
}

func TestRefreshToken_KeepsTheMFAOfItsSignIn(t *testing.T) {
	server := start(t, emulator.WithEntra(), emulator.WithMFARequired())
	for name, test := range map[string]struct {
		answer emulator.SignIn
		amr    string
		status int
	}{
		"with MFA":    {emulator.SignIn{}, `["pwd","mfa"]`, 200},
		"without MFA": {emulator.SignIn{WithoutMFA: true}, `["pwd"]`, 401},
	} {
		t.Run(name, func(t *testing.T) {
			first := signedIn(t, server, personScope, test.answer)
			for i, token := range []string{first.AccessToken, refreshed(t, server, first.RefreshToken).AccessToken} {
				if amr := methods(t, token); amr != test.amr {
					t.Errorf("token %d has amr %s", i+1, amr)
				}
				if resp, body := answered(t, server, sent{header: map[string]string{"Authorization": "Bearer " + token}}); resp.StatusCode != test.status {
					t.Errorf("token %d got %s %s", i+1, resp.Status, body)
				}
			}
		})
	}
}

func TestRefreshToken_LastsNinetyDaysUnused(t *testing.T) {
	server := start(t, emulator.WithEntra())
	first := signedIn(t, server, personScope, emulator.SignIn{})
	const lifetime = 90 * 24 * time.Hour
	server.SetClockOffset(lifetime - time.Minute)
	second := refreshed(t, server, first.RefreshToken)
	if second.Status != 200 {
		t.Fatalf("before its end got %+v", second)
	}
	server.SetClockOffset(lifetime)
	if answer := refreshed(t, server, first.RefreshToken); answer.Error != "invalid_grant" || !slices.Equal(answer.Codes, []int{700082}) {
		t.Errorf("after its end got %+v", answer)
	}
	if answer := refreshed(t, server, second.RefreshToken); answer.Status != 200 {
		t.Errorf("the one after it got %+v", answer)
	}
}

func TestRefreshToken_BelongsToItsClient(t *testing.T) {
	server := start(t, emulator.WithEntra())
	public := signedIn(t, server, personScope, emulator.SignIn{}).RefreshToken
	confidential := signedIn(t, server, personScope, emulator.SignIn{}, "client_secret", "any").RefreshToken
	for name, test := range map[string]struct {
		token string
		more  []string
		codes []int
	}{
		"its client":                         {public, nil, nil},
		"its client in capitals":             {public, []string{"client_id", "AN-APP"}, nil},
		"another client":                     {public, []string{"client_id", "b"}, []int{70000}},
		"a confidential client":              {confidential, []string{"client_secret", "any"}, nil},
		"a confidential one without secret":  {confidential, nil, []int{7000218}},
		"a confidential one, a wrong secret": {confidential, []string{"client_secret", "wrong"}, []int{7000215}},
		"a scope that is none":               {public, []string{"scope", "https://a/x https://b/x"}, []int{70011}},
	} {
		t.Run(name, func(t *testing.T) {
			if answer := refreshed(t, server, test.token, test.more...); !slices.Equal(answer.Codes, test.codes) {
				t.Errorf("got %+v", answer)
			}
		})
	}
}

func TestRefreshToken_IsForAnyResource(t *testing.T) {
	server := start(t, emulator.WithEntra())
	first := signedIn(t, server, personScope, emulator.SignIn{})
	second := refreshed(t, server, first.RefreshToken, "scope", "https://a/x")
	if claims := claimsOf(t, second.AccessToken); claims["aud"] != "https://a" || claims["scp"] != "x" {
		t.Errorf("claims are %v", claims)
	}
	if second.RefreshToken == "" {
		t.Error("it brings no new refresh token")
	}
}

func TestReset_ForgetsSignIns(t *testing.T) {
	server := start(t, emulator.WithEntra())
	first := signedIn(t, server, personScope, emulator.SignIn{})
	waits := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
	server.Reset()
	if answer := refreshed(t, server, first.RefreshToken); !slices.Equal(answer.Codes, []int{9002313}) {
		t.Errorf("the refresh token got %+v", answer)
	}
	if len(server.DeviceCodes()) != 0 {
		t.Error("a device code still waits")
	}
	if err := server.AnswerDeviceCode(waits.UserCode, emulator.SignIn{}); err == nil {
		t.Error("a device code could be answered")
	}
}
