package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

const (
	verifier = "a-verifier-of-43-characters-or-more-as-rfc-7636-wants"
	back     = "http://localhost:1234/callback?x=1"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorization is a request of a browser to sign in, in order but for what it is told.
func authorization(but ...string) string {
	return "/a-tenant/oauth2/v2.0/authorize?" + form(append([]string{
		"client_id", "an-app", "response_type", "code", "redirect_uri", back, "scope", personScope, "state", "a state",
		"code_challenge", challenge(), "code_challenge_method", "S256", "nonce", "n",
	}, but...)...).Encode()
}

// sentBack returns what a browser brings the client after a sign-in.
func sentBack(t *testing.T, server *emulator.Server, request, answer string) url.Values {
	t.Helper()
	resp, body := post(t, server, request, form("sign_in", answer))
	location, err := resp.Location()
	if err != nil || resp.StatusCode != 303 {
		t.Fatalf("%s %v: %s", resp.Status, err, body)
	}
	if location.Host != "localhost:1234" || location.Path != "/callback" || location.Query().Get("x") != "1" {
		t.Errorf("it leads to %s", location)
	}
	return location.Query()
}

func redeemed(t *testing.T, server *emulator.Server, code string, but ...string) entraAnswer {
	t.Helper()
	return askEntra(t, server, "token", form(append([]string{
		"grant_type", "authorization_code", "client_id", "an-app", "code", code, "redirect_uri", back, "code_verifier", verifier,
	}, but...)...))
}

func TestAuthorize_SignsInWithABrowser(t *testing.T) {
	server := start(t, emulator.WithEntra())
	if resp, page := browse(t, server, "GET", authorization(), ""); resp.StatusCode != 200 || !strings.Contains(string(page), `value="mfa"`) {
		t.Fatalf("the page is %s %s", resp.Status, page)
	}
	for answer, amr := range map[string]string{"mfa": `["pwd","mfa"]`, "password": `["pwd"]`} {
		brought := sentBack(t, server, authorization(), answer)
		if brought.Get("state") != "a state" {
			t.Errorf("the state is %q", brought.Get("state"))
		}
		got := redeemed(t, server, brought.Get("code"))
		if got.Status != 200 || got.RefreshToken == "" {
			t.Fatalf("%s brought %+v", answer, got)
		}
		if got := methods(t, got.AccessToken); got != amr {
			t.Errorf("%s brought amr %s", answer, got)
		}
		if claims := claimsOf(t, got.IDToken); claims["nonce"] != "n" || claims["aud"] != "an-app" {
			t.Errorf("the ID token has %v", claims)
		}
	}
}

func TestAuthorize_RefusesByTheBrowser(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for name, test := range map[string]struct {
		but    []string
		answer string
		kind   string
		says   string
	}{
		"declined":              {nil, "declined", "access_denied", "AADSTS65004"},
		"another response":      {[]string{"response_type", "token"}, "mfa", "unsupported_response_type", "AADSTS70005"},
		"no scope":              {[]string{"scope", ""}, "mfa", "invalid_scope", "AADSTS70011"},
		"two resources":         {[]string{"scope", "https://a/x https://b/x"}, "mfa", "invalid_scope", "AADSTS70011"},
		"another challenge":     {[]string{"code_challenge_method", "S512"}, "mfa", "invalid_request", "AADSTS90023"},
		"another response mode": {[]string{"response_mode", "fragment"}, "mfa", "invalid_request", "AADSTS90023"},
	} {
		t.Run(name, func(t *testing.T) {
			brought := sentBack(t, server, authorization(test.but...), test.answer)
			if brought.Get("error") != test.kind || !strings.HasPrefix(brought.Get("error_description"), test.says) || brought.Has("code") {
				t.Errorf("it brings %v", brought)
			}
			if brought.Get("state") != "a state" {
				t.Errorf("the state is %q", brought.Get("state"))
			}
		})
	}
	if brought := sentBack(t, server, authorization("state", ""), "mfa"); brought.Has("state") {
		t.Errorf("a state that was not sent comes back: %v", brought)
	}
	resp, _ := browse(t, server, "GET", authorization("prompt", "none"), "")
	if location, err := resp.Location(); err != nil || location.Query().Get("error") != "login_required" {
		t.Errorf("without a prompt got %s, %v", location, err)
	}
}

// Nobody is sent anywhere for a client that is not known, or to a place that is not the client's.
func TestAuthorize_ChecksClientAndRedirect(t *testing.T) {
	const own = "https://web.example/back"
	unregistered := []emulator.Option{emulator.WithEntra()}
	registered := []emulator.Option{emulator.WithEntra(
		emulator.App{ID: "an-app", RedirectURIs: []string{own, "http://localhost/callback", "https://web.example:8443/"}})}
	for name, test := range map[string]struct {
		opts []emulator.Option
		but  []string
		says string // empty: the page asks for the sign-in
	}{
		"localhost":                        {unregistered, nil, ""},
		"127.0.0.1":                        {unregistered, []string{"redirect_uri", "http://127.0.0.1:8/"}, ""},
		"localhost alone":                  {unregistered, []string{"redirect_uri", "http://localhost"}, ""},
		"IPv6, which Entra does not take":  {unregistered, []string{"redirect_uri", "http://[::1]:8/"}, "AADSTS50011"},
		"localhost over TLS":               {unregistered, []string{"redirect_uri", "https://localhost:8/"}, "AADSTS50011"},
		"elsewhere":                        {unregistered, []string{"redirect_uri", "https://evil.example/"}, "AADSTS50011"},
		"elsewhere, by its user":           {unregistered, []string{"redirect_uri", "http://localhost@evil.example/"}, "AADSTS50011"},
		"a user":                           {unregistered, []string{"redirect_uri", "http://evil@localhost/"}, "AADSTS50011"},
		"a fragment":                       {unregistered, []string{"redirect_uri", "http://localhost/#a"}, "AADSTS50011"},
		"no redirect":                      {unregistered, []string{"redirect_uri", ""}, "AADSTS50011"},
		"no URL":                           {unregistered, []string{"redirect_uri", "http://%zz"}, "AADSTS50011"},
		"no client":                        {unregistered, []string{"client_id", ""}, "AADSTS900144"},
		"a registered URI":                 {registered, []string{"redirect_uri", own}, ""},
		"a registered one, another port":   {registered, []string{"redirect_uri", "http://localhost:99/callback"}, ""},
		"a registered one, a slash more":   {registered, []string{"redirect_uri", "https://web.example:8443"}, "AADSTS50011"},
		"a registered one, another host":   {registered, []string{"redirect_uri", "http://127.0.0.1/callback"}, "AADSTS50011"},
		"a registered one, another path":   {registered, []string{"redirect_uri", "http://localhost:99/other"}, "AADSTS50011"},
		"another port that is none's":      {registered, []string{"redirect_uri", "https://web.example:9/back"}, "AADSTS50011"},
		"a registered one, further down":   {registered, []string{"redirect_uri", own + "/down"}, "AADSTS50011"},
		"a client that is not registered":  {registered, []string{"client_id", "other"}, "AADSTS700016"},
		"a client that is, but not its":    {registered, []string{"redirect_uri", "http://localhost:1234/"}, "AADSTS50011"},
		"a registered one in small letter": {registered, []string{"client_id", "AN-APP", "redirect_uri", own}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, test.opts...)
			resp, body := browse(t, server, "GET", authorization(test.but...), "")
			if text := string(body); test.says == "" && (resp.StatusCode != 200 || !strings.Contains(text, `value="mfa"`)) ||
				test.says != "" && (resp.StatusCode != 400 || !strings.Contains(text, test.says)) {
				t.Errorf("got %s %s", resp.Status, body)
			}
			if resp.Header.Get("Location") != "" {
				t.Errorf("it leads to %s", resp.Header.Get("Location"))
			}
		})
	}
}

func TestAuthorize_PostsTheAnswerWhereThatIsWanted(t *testing.T) {
	server := start(t, emulator.WithEntra(), emulator.WithAutomaticSignIn(emulator.SignIn{}, 0))
	resp, body := browse(t, server, "GET", authorization("response_mode", "form_post", "state", `"><b>`), "")
	page := string(body)
	if resp.StatusCode != 200 || !strings.Contains(page, html.EscapeString(back)) || !strings.Contains(page, "submit()") || strings.Contains(page, "<b>") {
		t.Fatalf("got %s %s", resp.Status, page)
	}
	code := regexp.MustCompile(`name="code" value="([^"]+)"`).FindStringSubmatch(page)
	if code == nil {
		t.Fatalf("no code in %s", page)
	}
	if got := redeemed(t, server, code[1]); got.Status != 200 {
		t.Errorf("the code brought %+v", got)
	}
}

func TestAuthorize_IsNotAnsweredByAPageOfAnotherSite(t *testing.T) {
	server := start(t, emulator.WithEntra())
	if resp, body := post(t, server, authorization(), form("sign_in", "mfa"), "Sec-Fetch-Site", "cross-site"); resp.StatusCode != 403 {
		t.Errorf("got %s %s", resp.Status, body)
	}
}

func TestAuthorizationCode_IsCheckedAsItIsRedeemed(t *testing.T) {
	server := start(t, emulator.WithEntra())
	plain := []string{"code_challenge", verifier, "code_challenge_method", ""}
	for name, test := range map[string]struct {
		asked, but []string
		codes      []int
	}{
		"in order":             {nil, nil, nil},
		"with a secret":        {nil, []string{"client_secret", "any"}, nil},
		"another client":       {nil, []string{"client_id", "b"}, []int{70000}},
		"another redirect":     {nil, []string{"redirect_uri", "http://localhost:1234/callback"}, []int{500112}},
		"another verifier":     {nil, []string{"code_verifier", verifier + "x"}, []int{501481}},
		"the challenge itself": {nil, []string{"code_verifier", challenge()}, []int{501481}},
		"no verifier":          {nil, []string{"code_verifier", ""}, []int{501481}},
		"a plain challenge":    {plain, nil, nil},
		"another plain one":    {plain, []string{"code_verifier", "x"}, []int{501481}},
		"no challenge":         {[]string{"code_challenge", "", "code_challenge_method", ""}, []string{"code_verifier", ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code := sentBack(t, server, authorization(test.asked...), "mfa").Get("code")
			if got := redeemed(t, server, code, test.but...); !slices.Equal(got.Codes, test.codes) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAuthorizationCode_OfAConfidentialClientBringsItsRefreshToken(t *testing.T) {
	server := start(t, emulator.WithEntra())
	got := redeemed(t, server, sentBack(t, server, authorization(), "mfa").Get("code"), "client_secret", "any")
	if answer := refreshed(t, server, got.RefreshToken); !slices.Equal(answer.Codes, []int{7000218}) {
		t.Errorf("without the secret it got %+v", answer)
	}
}

// A registered redirect to localhost may be written without its path.
func TestAuthorize_TakesLocalhostWithoutAPath(t *testing.T) {
	server := start(t, emulator.WithEntra(emulator.App{ID: "an-app", RedirectURIs: []string{"http://localhost"}}))
	for _, uri := range []string{"http://localhost:7", "http://localhost:7/"} {
		if resp, body := browse(t, server, "GET", authorization("redirect_uri", uri), ""); resp.StatusCode != 200 {
			t.Errorf("%s got %s %s", uri, resp.Status, body)
		}
	}
}

func TestAuthorizationCode_IsRedeemedOnce(t *testing.T) {
	server := start(t, emulator.WithEntra())
	code := sentBack(t, server, authorization(), "mfa").Get("code")
	if got := redeemed(t, server, code); got.Status != 200 {
		t.Fatalf("got %+v", got)
	}
	if got := redeemed(t, server, code); got.Error != "invalid_grant" || !slices.Equal(got.Codes, []int{54005}) {
		t.Errorf("again got %+v", got)
	}
}

func TestAuthorizationCode_LastsTenMinutes(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for later, codes := range map[time.Duration][]int{10*time.Minute - time.Second: nil, 10 * time.Minute: {70008}} {
		server.SetClockOffset(0)
		code := sentBack(t, server, authorization(), "mfa").Get("code")
		server.SetClockOffset(later)
		if got := redeemed(t, server, code); !slices.Equal(got.Codes, codes) {
			t.Errorf("after %s got %+v", later, got)
		}
	}
}
