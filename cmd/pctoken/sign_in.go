package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// credential is one that DefaultAzureCredential tries: its name as a flag's value and in azidentity, and what makes it work.
type credential struct{ flag, azidentity, fix string }

// credentials are in the order in which they are tried.
var credentials = []credential{
	{"environment", "EnvironmentCredential", "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or a certificate's variables"},
	{"workload-identity", "WorkloadIdentityCredential", "run in a pod with a federated identity"},
	{"managed-identity", "ManagedIdentityCredential", "run on an Azure host that has an identity"},
	{"azure-cli", "AzureCLICredential", "install the Azure CLI and run az login"},
	{"azure-developer-cli", "AzureDeveloperCLICredential", "install azd and run azd auth login"},
	{"azure-powershell", "AzurePowerShellCredential", "install Az.Accounts and run Connect-AzAccount"},
}

// environmentCredentials are what EnvironmentCredential signs in with, by the variables that choose each.
var environmentCredentials = []struct{ variable, azidentity, fix string }{
	{"AZURE_CLIENT_SECRET", "ClientSecretCredential", "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"},
	{"AZURE_CLIENT_CERTIFICATE_PATH", "ClientCertificateCredential", "check AZURE_CLIENT_CERTIFICATE_PATH and the application's certificates"},
}

// credentialNames are the values of --credential.
func credentialNames() []string {
	var names []string
	for _, c := range credentials {
		names = append(names, c.flag)
	}
	return names
}

// signIn returns a bearer that DefaultAzureCredential gets from Entra.
func (f *serviceFlags) signIn() (wrapper.BearerFunc, error) {
	c, err := f.cloudOf()
	if err != nil {
		return nil, err
	}
	if err := f.setAzureVariables(); err != nil {
		return nil, err
	}
	options := &azidentity.DefaultAzureCredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: c.authority, Transport: entraClient()},
		TenantID:      f.tenantID,
	}
	if os.Getenv(authorityVariable) != "" {
		// An authority of the user's own. The library reads the variable where no cloud is set, and has to be kept from
		// asking Microsoft whether it knows the host.
		options.Cloud, options.DisableInstanceDiscovery = cloud.Configuration{}, true
	}
	cred, err := azidentity.NewDefaultAzureCredential(options)
	if err != nil {
		return nil, usageError{err} // a variable with a value that the library does not know
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

// setAzureVariables hands on to azidentity what it takes from the environment alone.
func (f *serviceFlags) setAzureVariables() error {
	var set [][2]string
	if f.tenantID != "" {
		set = append(set, [2]string{"AZURE_TENANT_ID", f.tenantID})
	}
	if f.clientID != "" {
		set = append(set, [2]string{"AZURE_CLIENT_ID", f.clientID})
	}
	if f.credential != "" {
		i := slices.IndexFunc(credentials, func(c credential) bool {
			return f.credential == c.flag || strings.EqualFold(f.credential, c.azidentity)
		})
		if i < 0 {
			return usagef("--credential %q: it has to be one of %s", f.credential, strings.Join(credentialNames(), ", "))
		}
		set = append(set, [2]string{credentialsVariable, credentials[i].azidentity})
	}
	for _, v := range set {
		if err := os.Setenv(v[0], v[1]); err != nil {
			return usagef("%s=%q: %w", v[0], v[1], err)
		}
	}
	return nil
}

// signInError says in a few lines what azidentity says in many.
type signInError struct {
	cause   error
	verbose bool
}

func (e signInError) Unwrap() error { return e.cause }

func (e signInError) Error() string {
	var b strings.Builder
	answered := entraAnswered(e.cause)
	switch {
	case temporary(e.cause):
		b.WriteString("there is no bearer: Entra is not available now. Try again later; if it goes on, check the network.")
	case answered != "":
		b.WriteString("there is no bearer: Entra refused to sign in.")
		for _, c := range environmentCredentials {
			if os.Getenv(c.variable) != "" && tried("EnvironmentCredential") {
				fmt.Fprintf(&b, "\n  %-28s %s", c.azidentity, c.fix)
				break
			}
		}
	default:
		b.WriteString("there is no bearer, and signing in to Entra did not work. Tried, and what would make it work:")
		for _, c := range credentials {
			if tried(c.azidentity) {
				fmt.Fprintf(&b, "\n  %-28s %s", c.azidentity, c.fix)
			}
		}
	}
	if answered != "" {
		b.WriteString("\n  Entra answered: " + answered)
	}
	b.WriteString("\nOr bring a bearer: --bearer-file FILE (- for standard input) or " + bearerVariable + ".")
	if e.verbose {
		b.WriteString("\n" + wrapper.Redact(e.cause.Error()))
	} else {
		b.WriteString(" More with --verbose.")
	}
	return b.String()
}

// tried reports whether DefaultAzureCredential tries a credential, by the variable that narrows its choice.
func tried(name string) bool {
	development := strings.HasPrefix(name, "Azure")
	switch selected := os.Getenv(credentialsVariable); selected {
	case "":
		return true
	case "dev":
		return development
	case "prod":
		return !development
	default:
		return strings.EqualFold(selected, name)
	}
}

// entraAnswered returns the first line of Entra's own explanation, or else the status of its answer, if there was one.
func entraAnswered(err error) string {
	var refused *azidentity.AuthenticationFailedError
	if !errors.As(err, &refused) || refused.RawResponse == nil || refused.RawResponse.StatusCode == http.StatusOK {
		return ""
	}
	if request := refused.RawResponse.Request; request != nil {
		if ip, err := netip.ParseAddr(request.URL.Hostname()); err == nil && ip.IsLinkLocalUnicast() {
			return "" // a machine's metadata service, which a default credential looks for everywhere
		}
	}
	var explanation struct {
		Description string `json:"error_description"`
	}
	if body, err := runtime.Payload(refused.RawResponse); err == nil {
		_ = json.Unmarshal(body, &explanation) // a gateway's page has none
	}
	first, _, _ := strings.Cut(explanation.Description, "\n")
	if first == "" {
		first = refused.RawResponse.Status
	}
	return wrapper.Redact(first, os.Getenv(secretVariable))
}
