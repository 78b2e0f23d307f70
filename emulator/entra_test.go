package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partnercenter-go/generatetoken/emulator"
)

const (
	partnerCenter = "https://api.partnercenter.microsoft.com"
	personScope   = partnerCenter + "/user_impersonation offline_access openid"
)

// entraAnswer is what Entra's endpoints answer, tokens and refusals alike.
type entraAnswer struct {
	Status       int    `json:"-"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	Scope        string `json:"scope"`
	ClientInfo   string `json:"client_info"`

	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Page       string `json:"verification_uri"`
	Interval   int    `json:"interval"`
	Message    string `json:"message"`

	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
}

// askEntra posts a form to one of Entra's endpoints.
func askEntra(t *testing.T, server *emulator.Server, endpoint string, form url.Values, header ...string) entraAnswer {
	t.Helper()
	header = append(header, "Content-Type", "application/x-www-form-urlencoded")
	resp, body := call(t, server, http.MethodPost, "/a-tenant/oauth2/v2.0/"+endpoint, form.Encode(), header...)
	answer := entraAnswer{Status: resp.StatusCode}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Pragma") != "no-cache" {
		t.Error("the answer can be cached")
	}
	return answer
}

// form is a url.Values of pairs. An empty value leaves the parameter out.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if values.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// methods returns the amr of a token.
func methods(t *testing.T, token string) string {
	t.Helper()
	text, err := json.Marshal(claimsOf(t, token)["amr"])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signedIn returns the tokens of a person who signed in by device code.
func signedIn(t *testing.T, server *emulator.Server, scope string, answer emulator.SignIn, more ...string) entraAnswer {
	t.Helper()
	d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", scope))
	if err := server.AnswerDeviceCode(d.UserCode, answer); err != nil {
		t.Fatal(err)
	}
	return askEntra(t, server, "token", form(append([]string{
		"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "an-app", "device_code", d.DeviceCode,
	}, more...)...))
}

func TestEntra_GivesAnAppItsToken(t *testing.T) {
	server := start(t, emulator.WithEntra(), emulator.WithStrictBearers(), emulator.WithMFARequired())
	for name, request := range map[string]url.Values{
		"a secret":       form("client_secret", "any"),
		"an assertion":   form("client_assertion", "any"),
		"MSAL's scopes":  form("client_secret", "any", "scope", "openid offline_access profile "+partnerCenter+"/.default"),
		"another client": form("client_secret", "any", "client_id", "b"),
	} {
		t.Run(name, func(t *testing.T) {
			all := form("grant_type", "client_credentials", "client_id", "an-app", "scope", partnerCenter+"/.default")
			for name, values := range request {
				all[name] = values
			}
			answer := askEntra(t, server, "token", all)
			if answer.Status != 200 || answer.TokenType != "Bearer" || answer.ExpiresIn != 3600 {
				t.Fatalf("got %+v", answer)
			}
			if answer.RefreshToken != "" || answer.IDToken != "" {
				t.Error("an app got the tokens of a person")
			}
			claims := claimsOf(t, answer.AccessToken)
			if claims["aud"] != partnerCenter || claims["tid"] != "a-tenant" || claims["appid"] != all.Get("client_id") {
				t.Errorf("claims are %v", claims)
			}
			if claims["idtyp"] != "app" {
				t.Errorf("idtyp is %v", claims["idtyp"])
			}
			if claims["scp"] != nil || claims["amr"] != nil {
				t.Errorf("an app has the claims of a person: %v", claims)
			}
			if resp, body := answered(t, server, sent{header: map[string]string{"Authorization": "Bearer " + answer.AccessToken}}); resp.StatusCode != 200 {
				t.Errorf("the endpoint answers %s %s", resp.Status, body)
			}
		})
	}
}

func TestEntra_KnowsItsApps(t *testing.T) {
	server := start(t, emulator.WithEntra(
		emulator.App{ID: "web", Secret: "right+%/"}, emulator.App{ID: "tool"}))
	for name, test := range map[string]struct {
		client, secret string
		basic          bool
		grant          string
		code           int // 0: the client passes
	}{
		"the right secret":           {"web", "right+%/", false, "client_credentials", 0},
		"the right secret, by Basic": {"web", "right+%/", true, "client_credentials", 0},
		"its id in capitals":         {"WEB", "right+%/", false, "client_credentials", 0},
		"another secret":             {"web", "left", false, "client_credentials", 7000215},
		"another secret, by Basic":   {"web", "left", true, "client_credentials", 7000215},
		"no secret":                  {"web", "", false, "refresh_token", 7000218},
		"a secret of a public one":   {"tool", "right+%/", false, "refresh_token", 700025},
		"a public one":               {"tool", "", false, "refresh_token", 9002313}, // passes, and its token is none
		"a public one for an app":    {"tool", "", false, "client_credentials", 7000216},
		"an unknown one":             {"other", "right+%/", false, "client_credentials", 700016},
	} {
		t.Run(name, func(t *testing.T) {
			request := form("grant_type", test.grant, "scope", partnerCenter+"/.default", "refresh_token", "none")
			var header []string
			if test.basic {
				r := http.Request{Header: http.Header{}}
				r.SetBasicAuth(url.QueryEscape(test.client), url.QueryEscape(test.secret))
				header = []string{"Authorization", r.Header.Get("Authorization")}
			} else {
				request.Set("client_id", test.client)
				if test.secret != "" {
					request.Set("client_secret", test.secret)
				}
			}
			answer := askEntra(t, server, "token", request, header...)
			if test.code == 0 && answer.Status != 200 || test.code != 0 && !slices.Equal(answer.Codes, []int{test.code}) {
				t.Errorf("got %+v", answer)
			}
		})
	}
	if answer := askEntra(t, server, "devicecode", form("client_id", "other", "scope", personScope)); !slices.Equal(answer.Codes, []int{700016}) {
		t.Errorf("a device of an unknown client got %+v", answer)
	}
	if _, err := emulator.New(emulator.WithEntra(emulator.App{Secret: "s"})); err == nil || !strings.Contains(err.Error(), "ID") {
		t.Errorf("an app without an id: %v", err)
	}
}

func TestEntra_ReadsOnlySoMuch(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for _, endpoint := range []string{"token", "devicecode"} {
		answer := askEntra(t, server, endpoint, form("a", strings.Repeat("a", 1<<20), "grant_type", "client_credentials",
			"client_id", "a", "client_secret", "s", "scope", partnerCenter+"/.default"))
		if answer.Status != 400 {
			t.Errorf("%s read a large form: %+v", endpoint, answer)
		}
	}
}

func TestEntra_DescribesItself(t *testing.T) {
	server := start(t, emulator.WithEntra())
	resp, body := call(t, server, "GET", "/a-tenant/v2.0/.well-known/openid-configuration", "")
	var document map[string]any
	decode(t, resp, body, &document)
	for name, path := range map[string]string{
		"issuer": "/v2.0", "token_endpoint": "/oauth2/v2.0/token", "authorization_endpoint": "/oauth2/v2.0/authorize",
		"device_authorization_endpoint": "/oauth2/v2.0/devicecode",
	} {
		if document[name] != server.URL+"/a-tenant"+path {
			t.Errorf("%s is %v", name, document[name])
		}
	}
	for name, want := range map[string]string{
		"jwks_uri": "[" + server.URL + "/a-tenant/discovery/v2.0/keys]", "response_modes_supported": "[[query form_post]]",
		"response_types_supported": "[[code]]", "scopes_supported": "[[openid profile email offline_access]]",
	} {
		if got := fmt.Sprint([]any{document[name]}); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
}

func TestEntra_IsPlayedOnRequest(t *testing.T) {
	server := start(t)
	for _, path := range []string{"/devicelogin", "/t/v2.0/.well-known/openid-configuration", "/t/oauth2/v2.0/authorize"} {
		if resp, _ := call(t, server, "GET", path, ""); resp.StatusCode != 404 {
			t.Errorf("%s got %s", path, resp.Status)
		}
	}
}
