package emulator

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const codeLifetime = 10 * time.Minute

// code is an authorization code.
type code struct {
	grant
	redirectURI       string
	challenge, method string // of PKCE
	made              time.Time
	redeemed          bool
}

// entraAuthorize asks a person to sign in and sends the browser back to the client with a code.
func (e *Emulator) entraAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	app, known := e.entra.app(q.Get("client_id"))
	redirectURI := q.Get("redirect_uri")
	var problem entraError
	switch {
	case q.Get("client_id") == "":
		problem = e.newEntraError(r, "AADSTS900144", "invalid_request", "The request must contain the following parameter: 'client_id'.")
	case !known:
		problem = e.entraError(r, "AADSTS700016")
	case !redirects(app, len(e.entra.apps) > 0, redirectURI):
		problem = e.entraError(r, "AADSTS50011")
	}
	if problem.Error != "" { // who asks is not known, so there is no place to send the browser to
		signInPage{Title: "Sign-in refused", Problem: problem.Description}.show(w, http.StatusBadRequest)
		return
	}
	back := func(values url.Values) {
		if q.Has("state") {
			values.Set("state", q.Get("state"))
		}
		sendBack(w, r, redirectURI, q.Get("response_mode"), values)
	}
	refuse := func(code string) {
		refusal := e.entraError(r, code)
		back(url.Values{"error": {refusal.Error}, "error_description": {refusal.Description}})
	}
	s, ok := parseScopes(q.Get("scope"))
	method := cmp.Or(q.Get("code_challenge_method"), "plain")
	answer := e.entra.automatic
	if r.Method == http.MethodPost {
		typed := signInOf(r)
		answer = &typed
	}
	switch {
	case q.Get("response_type") != "code":
		refuse("AADSTS70005")
	case !ok || q.Get("scope") == "":
		refuse("AADSTS70011")
	case method != "S256" && method != "plain" || !slices.Contains([]string{"", "query", "form_post"}, q.Get("response_mode")):
		refuse("AADSTS90023")
	case answer == nil && q.Get("prompt") == "none":
		refuse("AADSTS50058")
	case answer == nil:
		text := "The application " + q.Get("client_id") + " asks for " + q.Get("scope") + "."
		signInPage{Title: "Sign in", Text: text, Asks: true}.show(w, http.StatusOK)
	case answer.Declined:
		refuse("AADSTS65004")
	default:
		value := rand.Text() + rand.Text()
		e.entra.mu.Lock()
		e.entra.codes.add(value, &code{
			grant:       grant{tenant: tenantOf(r), client: client{id: q.Get("client_id")}, scopes: s, mfa: !answer.WithoutMFA, nonce: q.Get("nonce")},
			redirectURI: redirectURI, challenge: q.Get("code_challenge"), method: method, made: e.now(),
		})
		e.entra.mu.Unlock()
		back(url.Values{"code": {value}})
	}
}

// redirects reports whether a browser may be sent to a URI: one that is registered or, for a client that is not, one on
// loopback.
func redirects(app App, registered bool, uri string) bool {
	if !registered {
		u, err := url.Parse(uri)
		return err == nil && u.Fragment == "" && loopbackRedirect(u)
	}
	return slices.ContainsFunc(app.RedirectURIs, func(own string) bool { return withoutPort(own) == withoutPort(uri) })
}

// loopbackRedirect reports whether Entra takes a URI with any port. It does not take [::1].
func loopbackRedirect(u *url.URL) bool {
	return u.Scheme == "http" && u.User == nil && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// withoutPort returns a redirect URI as Entra compares it.
func withoutPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || !loopbackRedirect(u) {
		return uri
	}
	u.Host = u.Hostname()
	u.Path = cmp.Or(u.Path, "/")
	return u.String()
}

// redeem answers the grant of an authorization code.
func (e *Emulator) redeem(r *http.Request, c client) message {
	for _, parameter := range []string{"code", "redirect_uri"} {
		if r.PostFormValue(parameter) == "" {
			return e.entraLacks(r, parameter)
		}
	}
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	code := e.entra.codes.byKey[r.PostFormValue("code")]
	switch {
	case code == nil:
		return e.entraRefuse(r, "AADSTS9002313")
	case !strings.EqualFold(code.client.id, c.id):
		return e.entraRefuse(r, "AADSTS70000")
	case code.redeemed:
		return e.entraRefuse(r, "AADSTS54005")
	case e.now().Sub(code.made) >= codeLifetime:
		return e.entraRefuse(r, "AADSTS70008")
	case code.redirectURI != r.PostFormValue("redirect_uri"):
		return e.entraRefuse(r, "AADSTS500112")
	case code.challenge != "" && !code.verified(r.PostFormValue("code_verifier")):
		return e.entraRefuse(r, "AADSTS501481")
	}
	code.redeemed = true
	code.client.proven = c.proven
	return e.issue(r, code.grant)
}

// verified reports whether a PKCE verifier belongs to the code's challenge.
func (c *code) verified(verifier string) bool {
	if c.method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(c.challenge)) == 1
}
