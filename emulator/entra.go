package emulator

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// App is an application as it is registered with Entra.
type App struct {
	// ID is the client id.
	ID string
	// Secret is the client secret. An app without one is a public client and must not send any.
	Secret string
	// RedirectURIs are where a browser may be sent after a sign-in. The port does not matter where the host is localhost
	// or 127.0.0.1.
	RedirectURIs []string
}

// Format implements [fmt.Formatter] for every verb and flag, without the secret.
func (a App) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "App{ID:%q RedirectURIs:%q}", a.ID, a.RedirectURIs)
}

// SignIn is how a person answers when Entra asks for a sign-in. The zero value signs in with MFA.
type SignIn struct {
	// WithoutMFA signs in with a password alone.
	WithoutMFA bool
	// Declined refuses to sign in.
	Declined bool
}

// entra is what the emulator knows in its part as Entra.
type entra struct {
	played    bool
	apps      []App   // none: every client is known
	automatic *SignIn // nil: a person answers
	polls     int     // how many polls are pending before the automatic answer
	singleUse bool

	mu            sync.Mutex // taken before the emulator's own, if both are
	refreshTokens kept[*refreshToken]
	codes         kept[*code]
	devices       kept[*device] // by device code
}

func (e *entra) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refreshTokens, e.codes, e.devices = kept[*refreshToken]{}, kept[*code]{}, kept[*device]{}
}

func (e *Emulator) routeEntra(mux *http.ServeMux, own *http.CrossOriginProtection) {
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", entraDiscovery)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", e.meeting(AtEntra, e.entraToken, e.entraFault))
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", func(w http.ResponseWriter, r *http.Request) {
		e.send(w, r, e.entraDeviceCode(r), Fault{})
	})
	for pattern, handle := range map[string]http.HandlerFunc{
		"/{tenant}/oauth2/v2.0/authorize": e.entraAuthorize, "/devicelogin": e.deviceLogin,
	} {
		mux.HandleFunc("GET "+pattern, handle)
		mux.Handle("POST "+pattern, own.Handler(http.MaxBytesHandler(handle, maxBody)))
	}
}

func entraDiscovery(w http.ResponseWriter, r *http.Request) {
	base := origin(r) + "/" + r.PathValue("tenant")
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                base + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              base + "/discovery/v2.0/keys", // MSAL wants its name and asks nothing there
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query", "form_post"},
		"scopes_supported":                      oidcScopes,
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"HS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic", "private_key_jwt"},
	})
}

func origin(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// entraToken is the token endpoint.
func (e *Emulator) entraToken(r *http.Request) message {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	grant := r.PostFormValue("grant_type")
	answers := map[string]func(*http.Request, client) message{
		"client_credentials": e.clientCredentials,
		"refresh_token":      e.refresh,
		"authorization_code": e.redeem,
		"device_code":        e.poll, // MSAL's name for it
		"urn:ietf:params:oauth:grant-type:device_code": e.poll,
	}
	if grant == "" {
		return e.entraLacks(r, "grant_type")
	}
	answer := answers[grant]
	if answer == nil {
		return e.entraRefuse(r, "AADSTS70003")
	}
	c, refusal := e.authenticate(r, grant == "client_credentials")
	if refusal != nil {
		return *refusal
	}
	return answer(r, c)
}

// client is who asks Entra for a token.
type client struct {
	id     string
	proven bool // by a secret or an assertion
}

// authenticate returns the client of a request to the token endpoint, or the refusal.
func (e *Emulator) authenticate(r *http.Request, mustProve bool) (client, *message) {
	id, secret, assertion := r.PostFormValue("client_id"), r.PostFormValue("client_secret"), r.PostFormValue("client_assertion")
	if user, password, ok := r.BasicAuth(); ok { // what x/oauth2 tries first; OAuth escapes both for it
		id, secret = unescaped(user), unescaped(password)
	}
	if id == "" {
		refusal := e.entraLacks(r, "client_id")
		return client{}, &refusal
	}
	app, known := e.entra.app(id)
	registered := len(e.entra.apps) > 0
	proof := cmp.Or(secret, assertion)
	var code string
	switch {
	case !known:
		code = "AADSTS700016"
	case proof == "" && mustProve:
		code = "AADSTS7000216"
	case proof == "" && app.Secret != "":
		code = "AADSTS7000218"
	case proof != "" && registered && app.Secret == "":
		code = "AADSTS700025"
	case proof == "wrong", registered && secret != "" && secret != app.Secret:
		code = "AADSTS7000215"
	case proof == "expired":
		code = "AADSTS7000222"
	default:
		return client{id, proof != ""}, nil
	}
	refusal := e.entraRefuse(r, code)
	return client{}, &refusal
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// app returns a client's registration. Where there are none, every client is known.
func (e *entra) app(id string) (app App, known bool) {
	if len(e.apps) == 0 {
		return App{ID: id}, true
	}
	i := slices.IndexFunc(e.apps, func(a App) bool { return strings.EqualFold(a.ID, id) })
	if i < 0 {
		return App{}, false
	}
	return e.apps[i], true
}
