package azureauth_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// A service with an Azure identity: azidentity signs in, the client exchanges, the source keeps the token.
func Example() {
	ctx := context.Background()
	service, err := emulator.StartTLS(emulator.WithEntra()) // so that this runs without an account
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	cred, err := azidentity.NewClientSecretCredential("a-tenant", "an-application", "a-secret",
		&azidentity.ClientSecretCredentialOptions{ // nil for the real Entra
			ClientOptions: azcore.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: service.URL},
				Transport: service.Client(),
			},
			DisableInstanceDiscovery: true,
		})
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.NewClient(azureauth.Bearer(cred), wrapper.WithBaseURL(service.URL), wrapper.WithHTTPClient(service.Client()))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client) // one for the whole service
	token, err := source.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.TokenType, "for", time.Until(token.ExpiresAt).Round(time.Hour))
	// Output: bearer for 1h0m0s
}
