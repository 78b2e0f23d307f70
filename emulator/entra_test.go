package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

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
	if resp.Header.Get("Cache-Control") != "no-store" {
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
		"no secret":                  {"token", app, []string{"client_secret", ""}, 401, "invalid_client", 7000216, ""},
		"a wrong secret":             {"token", app, []string{"client_secret", "wrong"}, 401, "invalid_client", 7000215, "Invalid client secret provided."},
		"a wrong assertion":          {"token", app, []string{"client_secret", "", "client_assertion", "wrong"}, 401, "invalid_client", 7000215, ""},
		"an expired secret":          {"token", app, []string{"client_secret", "expired"}, 401, "invalid_client", 7000222, ""},
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

func TestEntra_KnowsItsApps(t *testing.T) {
	server := start(t, emulator.WithEntra(
		emulator.App{ID: "web", Secret: "right"}, emulator.App{ID: "tool"}))
	for name, test := range map[string]struct {
		client, secret string
		basic          bool
		grant          string
		code           int // 0: the client passes
	}{
		"the right secret":           {"web", "right", false, "client_credentials", 0},
		"the right secret, by Basic": {"web", "right", true, "client_credentials", 0},
		"its id in capitals":         {"WEB", "right", false, "client_credentials", 0},
		"another secret":             {"web", "left", false, "client_credentials", 7000215},
		"another secret, by Basic":   {"web", "left", true, "client_credentials", 7000215},
		"no secret":                  {"web", "", false, "refresh_token", 7000218},
		"a secret of a public one":   {"tool", "right", false, "refresh_token", 700025},
		"a public one":               {"tool", "", false, "refresh_token", 9002313}, // passes, and its token is none
		"a public one for an app":    {"tool", "", false, "client_credentials", 7000216},
		"an unknown one":             {"other", "right", false, "client_credentials", 700016},
	} {
		t.Run(name, func(t *testing.T) {
			request := form("grant_type", test.grant, "scope", partnerCenter+"/.default", "refresh_token", "none")
			var header []string
			if test.basic {
				r := http.Request{Header: http.Header{}}
				r.SetBasicAuth(test.client, test.secret)
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
		"AADSTS7000215":                       {401, "invalid_client", []int{7000215}},
		"AADSTS7000222":                       {401, "invalid_client", []int{7000222}},
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
