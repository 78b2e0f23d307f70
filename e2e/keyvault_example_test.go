package e2e

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets/fake"

	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

// vault keeps a refresh token in Azure Key Vault.
type vault struct {
	client *azsecrets.Client
	name   string
}

var _ oauth2auth.Store = vault{}

// Load returns the newest version of the secret, or "" if there is none.
func (v vault) Load(ctx context.Context) (string, error) {
	secret, err := v.client.GetSecret(ctx, v.name, "", nil)
	var answer *azcore.ResponseError
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil || secret.Value == nil {
		return "", err
	}
	return *secret.Value, nil
}

// Save adds a version to the secret. Old versions stay until they are purged; they hold refresh tokens, too.
func (v vault) Save(ctx context.Context, refreshToken string) error {
	_, err := v.client.SetSecret(ctx, v.name, azsecrets.SetSecretParameters{Value: &refreshToken}, nil)
	return err
}

// A refresh token in Azure Key Vault, for oauth2auth.RefreshToken. Copy the type vault.
func Example_keyVault() {
	ctx := context.Background()
	var held string
	var server fake.Server // so that this runs without a vault
	server.GetSecret = func(
		context.Context, string, string, *azsecrets.GetSecretOptions,
	) (answer azfake.Responder[azsecrets.GetSecretResponse], refusal azfake.ErrorResponder) {
		if held == "" {
			refusal.SetResponseError(http.StatusNotFound, "SecretNotFound")
		} else {
			answer.SetResponse(http.StatusOK, azsecrets.GetSecretResponse{Secret: azsecrets.Secret{Value: to.Ptr(held)}}, nil)
		}
		return
	}
	server.SetSecret = func(
		_ context.Context, _ string, secret azsecrets.SetSecretParameters, _ *azsecrets.SetSecretOptions,
	) (answer azfake.Responder[azsecrets.SetSecretResponse], refusal azfake.ErrorResponder) {
		held = *secret.Value
		answer.SetResponse(http.StatusOK, azsecrets.SetSecretResponse{}, nil)
		return
	}
	client, err := azsecrets.NewClient("https://a-vault.vault.azure.net", &azfake.TokenCredential{}, // one of azidentity
		&azsecrets.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: fake.NewServerTransport(&server)}}) // nil
	if err != nil {
		log.Fatal(err)
	}
	store := vault{client: client, name: "partner-center-refresh-token"}

	before, err := store.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Save(ctx, "a-refresh-token"); err != nil {
		log.Fatal(err)
	}
	after, err := store.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q, then %q\n", before, after)
	// Output: "", then "a-refresh-token"
}
