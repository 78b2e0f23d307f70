package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// microsoftCloud is what --cloud stands for.
type microsoftCloud struct {
	server    string
	authority cloud.Configuration
	scope     string
}

var clouds = map[string]microsoftCloud{
	"global": {gen.ServerGlobal, cloud.AzurePublic, azureauth.Scope},
	"china":  {gen.ServerChina, cloud.AzureChina, azureauth.ScopeChina},
	"usgov":  {gen.ServerGlobal, cloud.AzureGovernment, azureauth.Scope},
}

func (f *serviceFlags) cloudOf() (microsoftCloud, error) {
	c, ok := clouds[f.cloud]
	if !ok {
		return c, fmt.Errorf("--cloud %q: it has to be global, china or usgov", f.cloud)
	}
	return c, nil
}

// signIn returns a bearer that DefaultAzureCredential gets from Entra.
func (f *serviceFlags) signIn() (wrapper.BearerFunc, error) {
	c, err := f.cloudOf()
	if err != nil {
		return nil, err
	}
	options := &azidentity.DefaultAzureCredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: c.authority},
		TenantID:      f.tenantID,
	}
	if os.Getenv("AZURE_AUTHORITY_HOST") != "" {
		// An authority of the user's own. The library reads the variable where no cloud is set, and has to be kept from
		// asking Microsoft whether it knows the host.
		options.Cloud, options.DisableInstanceDiscovery = cloud.Configuration{}, true
	}
	if f.tenantID != "" {
		// The option is not for credentials from the environment.
		if err := os.Setenv("AZURE_TENANT_ID", f.tenantID); err != nil {
			return nil, fmt.Errorf("--tenant-id %q: %w", f.tenantID, err)
		}
	}
	cred, err := azidentity.NewDefaultAzureCredential(options)
	if err != nil {
		return nil, failure{signInError{err, f.verbose}, exitOther}
	}
	bearer := azureauth.Bearer(cred, c.scope)
	return func(ctx context.Context) (string, error) {
		token, err := bearer(ctx)
		if err != nil && ctx.Err() == nil {
			err = signInError{err, f.verbose}
		}
		return token, err
	}, nil
}

// signInError tells in a few lines what azidentity says in many.
type signInError struct {
	cause   error
	verbose bool
}

func (e signInError) Unwrap() error { return e.cause }

// fixes are what to do about each credential that DefaultAzureCredential tries.
var fixes = []struct{ credential, fix string }{
	{"EnvironmentCredential", "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or a certificate's variables"},
	{"ClientSecretCredential", "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"},
	{"ClientCertificateCredential", "check AZURE_CLIENT_CERTIFICATE_PATH and the application's certificates"},
	{"WorkloadIdentityCredential", "run in a pod with a federated identity"},
	{"ManagedIdentityCredential", "run on an Azure host that has an identity"},
	{"AzureCLICredential", "install the Azure CLI and run az login"},
	{"AzureDeveloperCLICredential", "install azd and run azd auth login"},
	{"AzurePowerShellCredential", "install Az.Accounts and run Connect-AzAccount"},
}

func (e signInError) Error() string {
	var b strings.Builder
	b.WriteString("there is no bearer, and signing in to Entra did not work. Tried, and what would make it work:")
	tried := e.cause.Error()
	for _, f := range fixes {
		if strings.Contains(tried, f.credential) {
			fmt.Fprintf(&b, "\n  %-28s %s", f.credential, f.fix)
		}
	}
	if said := e.entraSaid(); said != "" {
		b.WriteString("\n  Entra answered: " + said)
	}
	b.WriteString("\nOr bring a bearer: --bearer-file FILE (- for standard input) or " + bearerVariable + ".")
	if e.verbose {
		b.WriteString("\n\n" + tried)
	} else {
		b.WriteString(" More with --verbose.")
	}
	return b.String()
}

// entraSaid returns the first line of Entra's own explanation, if it gave one.
func (e signInError) entraSaid() string {
	var refused *azidentity.AuthenticationFailedError
	if !errors.As(e.cause, &refused) || refused.RawResponse == nil || refused.RawResponse.StatusCode == http.StatusOK {
		return ""
	}
	body, err := runtime.Payload(refused.RawResponse)
	if err != nil {
		return ""
	}
	var explanation struct {
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &explanation)
	first, _, _ := strings.Cut(explanation.Description, "\n")
	return strings.TrimSpace(first)
}
