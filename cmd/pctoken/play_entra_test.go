package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testTenant = "5a3d9a0c-0000-4000-8000-47c7ecd2edbd"
	testClient = "6b3d9a0c-0000-4000-8000-47c7ecd2edbd"
	testScope  = "https://api.partnercenter.microsoft.com/.default offline_access"
)

// playEntra starts a server that plays Entra for one test, by the last part of the path, and returns the environment of
// a program that signs in there.
func playEntra(t *testing.T, endpoints map[string]http.HandlerFunc) []string {
	t.Helper()
	mux := http.NewServeMux()
	for name, endpoint := range endpoints {
		mux.HandleFunc("/"+testTenant+"/oauth2/v2.0/"+name, endpoint)
	}
	mux.HandleFunc("/"+testTenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + testTenant
		answer(w, http.StatusOK, map[string]any{"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"token_endpoint": base + "/oauth2/v2.0/token"})
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("a redirect of Entra's was followed") })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate := filepath.Join(t.TempDir(), "entra.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"SSL_CERT_FILE=" + certificate, authorityVariable + "=" + server.URL + "/", secretVariable + "=canary-client-secret",
		"PATH=" + t.TempDir(), // so that no browser is found
	}
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(code, description string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": description})
	}
}

// give answers with tokens; the refresh token is a new one each time.
func give(t *testing.T, claims jwt.MapClaims) http.HandlerFunc {
	access := signed(t, claims)
	var given atomic.Int32
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": access,
			"refresh_token": fmt.Sprintf("canary-refresh-%d", given.Add(1))})
	}
}

var withMFA = jwt.MapClaims{"idtyp": "user", "scp": "user_impersonation", "amr": []string{"pwd", "mfa"}}

// inTurn answers each request in another way, and goes on with the last.
func inTurn(ways ...http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		ways[min(int(asked.Add(1)), len(ways))-1](w, r)
	}
}

func giveDeviceCode(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"device_code": "canary-device-code", "user_code": "ABCD-EFGH",
		"verification_uri": "https://entra.example/device", "expires_in": 900, "interval": 1})
}

func cutOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
