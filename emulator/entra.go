package emulator

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Entra returns a handler that plays Microsoft Entra's token endpoint as far as a client credentials grant needs it:
// discovery at /{tenant}/v2.0/.well-known/openid-configuration and tokens at /{tenant}/oauth2/v2.0/token, for any
// tenant, client and secret but the secret "wrong". The tokens are JWTs of the audience that the scope names, signed with
// a key that nobody has. Entra's clients insist on TLS: serve it with [net/http/httptest.NewTLSServer].
func Entra() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + r.PathValue("tenant")
		writeJSON(w, http.StatusOK, map[string]string{
			"issuer":                 base + "/v2.0",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"token_endpoint":         base + "/oauth2/v2.0/token",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", entraToken)
	return mux
}

func entraToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	id, secret, basic := r.BasicAuth() // what x/oauth2 tries first
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
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
	now := time.Now()
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

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
