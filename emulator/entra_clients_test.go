package emulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func startTLS(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	server, err := emulator.StartTLS(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestEntra_SignsInAzidentityByDeviceCode(t *testing.T) {
	server := startTLS(t, emulator.WithEntra(), emulator.WithStrictBearers(), emulator.WithMFARequired())
	shown := ""
	credential, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL}, Transport: server.Client(),
			Retry: policy.RetryOptions{MaxRetries: -1},
		},
		ClientID: "an-app", DisableInstanceDiscovery: true,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			shown = m.Message
			return server.AnswerDeviceCode(m.UserCode, emulator.SignIn{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := policy.TokenRequestOptions{Scopes: []string{partnerCenter + "/.default"}}
	token, err := credential.GetToken(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(shown, server.URL+"/devicelogin") {
		t.Errorf("it showed %q", shown)
	}
	if resp, body := answered(t, server, sent{header: map[string]string{"Authorization": "Bearer " + token.Token}}); resp.StatusCode != 200 {
		t.Errorf("the token got %s %s", resp.Status, body)
	}
	// The next token comes by the refresh token, without a prompt.
	shown = ""
	asked.Claims = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	if again, err := credential.GetToken(t.Context(), asked); err != nil || shown != "" || again.Token == token.Token {
		t.Errorf("%v, and it showed %q", err, shown)
	}
}

func TestEntra_SignsInOAuth2ByBrowser(t *testing.T) {
	server := startTLS(t, emulator.WithEntra(), emulator.WithAutomaticSignIn(emulator.SignIn{}, 1))
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, server.Client())
	base := server.URL + "/a-tenant/oauth2/v2.0/"
	config := &oauth2.Config{
		ClientID: "an-app", RedirectURL: "http://127.0.0.1:8/", Scopes: strings.Fields(personScope),
		Endpoint: oauth2.Endpoint{AuthURL: base + "authorize", TokenURL: base + "token", DeviceAuthURL: base + "devicecode", AuthStyle: oauth2.AuthStyleInParams},
	}
	verifier := oauth2.GenerateVerifier()
	resp, _ := browse(t, server, http.MethodGet, strings.TrimPrefix(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), server.URL), "")
	location, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	first, err := config.Exchange(ctx, location.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	stale := *first
	stale.Expiry = stale.Expiry.AddDate(-1, 0, 0)
	second, err := config.TokenSource(ctx, &stale).Token()
	if err != nil || second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Errorf("refreshed to the same, %v", err)
	}
}
