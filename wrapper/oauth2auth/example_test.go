package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

// A service that signs in as an application: clientcredentials gets the bearer, the source keeps the token, and an
// http.Client sends it to the resource.
func ExampleBearer() {
	ctx := context.Background()
	service, err := emulator.StartTLS(emulator.WithEntra()) // so that this runs without an account
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	config := clientcredentials.Config{
		ClientID:     "an-application",
		ClientSecret: "a-secret",
		TokenURL:     service.URL + "/a-tenant/oauth2/v2.0/token", // microsoft.AzureADEndpoint(tenant).TokenURL for the real Entra
		AuthStyle:    oauth2.AuthStyleInParams,
		Scopes:       []string{"https://api.partnercenter.microsoft.com/.default"},
	}
	signIn := config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, service.Client())) // ctx for the real Entra
	client, err := wrapper.NewClient(oauth2auth.Bearer(signIn), wrapper.WithBaseURL(service.URL), wrapper.WithHTTPClient(service.Client()))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client)                                           // one for the whole service
	transport := wrapper.NewTransport(source, service.Client().Transport, "127.0.0.1") // (source, nil) for the partner API

	resp, err := (&http.Client{Transport: transport}).Get(service.URL + "/_emulator/resource")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// An unattended service that acts as a person who signed in once: the refresh token of that sign-in is in a file.
func ExampleRefreshToken() {
	service, err := emulator.Start() // so that this runs without an account
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	entra := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "an-access-token", "expires_in": 3600, "refresh_token": "the-second"}`)
	}))
	defer entra.Close()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	store := oauth2auth.FileStore(filepath.Join(folder, "refresh-token"))
	if err := store.Save(context.Background(), "the-first"); err != nil { // signing in does this
		log.Fatal(err)
	}

	config := &oauth2.Config{
		ClientID:     "an-application",
		ClientSecret: "a-secret",                           // none for a public client
		Endpoint:     oauth2.Endpoint{TokenURL: entra.URL}, // microsoft.AzureADEndpoint(tenant) for the real Entra
		Scopes:       []string{"offline_access", "https://api.partnercenter.microsoft.com/user_impersonation"},
	}
	client, err := wrapper.NewClient(oauth2auth.RefreshToken(config, store), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client) // one for the whole service
	token, err := source.Token(context.Background())
	if errors.Is(err, oauth2auth.ErrSignInRequired) {
		log.Fatal("tell a person to sign in: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	stored, err := store.Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.TokenType, "for", time.Until(token.ExpiresAt).Round(time.Hour), "and in the store is", stored)
	// Output: bearer for 1h0m0s and in the store is the-second
}
