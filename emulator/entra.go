package emulator

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

func entraDiscovery(w http.ResponseWriter, r *http.Request) {
	base := "https://" + r.Host + "/" + r.PathValue("tenant")
	writeJSON(w, http.StatusOK, map[string]string{
		"issuer":                 base + "/v2.0",
		"authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"token_endpoint":         base + "/oauth2/v2.0/token",
		"jwks_uri":               base + "/discovery/v2.0/keys", // MSAL asks for its name, and nobody for what is there
	})
}

func (e *Emulator) entraToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	id, secret, basic := r.BasicAuth() // what x/oauth2 tries first
	if !basic {
		id, secret = r.PostFormValue("client_id"), cmp.Or(r.PostFormValue("client_secret"), r.PostFormValue("client_assertion"))
	}
	audience, isDefault := strings.CutSuffix(firstScope(r.PostFormValue("scope")), "/.default")
	switch {
	case r.PostFormValue("grant_type") != "client_credentials":
		entraError(w, "unsupported_grant_type", "AADSTS70003: the grant type is not client_credentials.")
		return
	case id == "" || secret == "" || secret == "wrong":
		entraError(w, "invalid_client", "AADSTS7000215: Invalid client secret provided.\nTrace ID: none")
		return
	case !isDefault:
		entraError(w, "invalid_scope", "AADSTS70011: the scope has to end in /.default.")
		return
	}
	now := e.now()
	tenant := r.PathValue("tenant")
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": audience, "iss": "https://" + r.Host + "/" + tenant + "/", "tid": tenant, "appid": id, "idtyp": "app",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": uuid.NewString(),
	}).SignedString([]byte(rand.Text()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": token,
	})
}

// firstScope leaves out what MSAL adds, such as openid.
func firstScope(scopes string) string {
	first, _, _ := strings.Cut(scopes, " ")
	return first
}

func entraError(w http.ResponseWriter, code, description string) {
	writeJSON(w, http.StatusUnauthorized, map[string]string{"error": code, "error_description": description})
}
