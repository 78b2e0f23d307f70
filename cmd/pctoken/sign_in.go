package main

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// credential is one that DefaultAzureCredential tries: its name as a flag's value and in azidentity, and what makes it work.
type credential struct{ flag, azidentity, fix string }

const environmentCredential = "EnvironmentCredential"

// credentials are in the order in which they are tried.
var credentials = []credential{
	{"environment", environmentCredential, "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or a certificate's variables"},
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
		ClientOptions: azcore.ClientOptions{Cloud: c.authority, Transport: entraClient(f.watch)},
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
		if err != nil {
			err = f.notSignedIn(ctx, err, func() (string, []fix) { return credentialFixes(options, err) })
		}
		return token, err
	}, nil
}

// credentialFixes returns why DefaultAzureCredential failed with err, and what would make the credentials work that it
// tried. It tries no others after one whose variables are all set.
func credentialFixes(options *azidentity.DefaultAzureCredentialOptions, err error) (why string, fixes []fix) {
	environment, complete := environmentFix(options)
	switch {
	case !complete || !tried(environmentCredential):
	case environment.name == environmentCredential:
		return environment.step, []fix{{environmentCredential, "check its variables"}}
	default:
		return "signing in to Entra by the environment's variables failed: " + reason(err), []fix{environment}
	}
	for _, c := range credentials {
		switch {
		case !tried(c.azidentity):
		case c.azidentity == environmentCredential:
			fixes = append(fixes, environment)
		default:
			fixes = append(fixes, fix{c.azidentity, c.fix})
		}
	}
	return "no way to sign in to Entra worked", fixes
}

// environmentFix returns what would make the environment's credential work, and whether its variables are all set: then it
// goes by the name of the credential that it stands for, unless that cannot be made of them.
func environmentFix(options *azidentity.DefaultAzureCredentialOptions) (f fix, complete bool) {
	_, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
		ClientOptions: options.ClientOptions, DisableInstanceDiscovery: options.DisableInstanceDiscovery,
	})
	var missing []string
	for _, variable := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", secretVariable} {
		certificate := variable == secretVariable && os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH") != ""
		if os.Getenv(variable) == "" && !certificate {
			missing = append(missing, variable)
		}
	}
	switch {
	case err != nil && len(missing) > 0:
		step := "set " + strings.Join(missing, ", ")
		if i := len(missing) - 1; i > 0 {
			step = "set " + strings.Join(missing[:i], ", ") + " and " + missing[i]
		}
		if missing[len(missing)-1] == secretVariable {
			step += ", or a certificate's variables"
		}
		return fix{environmentCredential, step}, false
	case err != nil:
		return fix{environmentCredential, "the environment's variables do not work: " + wrapper.Redact(err.Error(), os.Getenv(secretVariable))}, true
	}
	for _, c := range environmentCredentials {
		if os.Getenv(c.variable) != "" {
			return fix{c.azidentity, c.fix}, true
		}
	}
	return fix{"UsernamePasswordCredential", "check AZURE_USERNAME and AZURE_PASSWORD"}, true
}

// around is what azidentity writes around the reason of its only credential.
var around = regexp.MustCompile(`^no token from Entra: (?:DefaultAzureCredential: .*Attempted credentials: )?(?:\w+Credential:? )?|\.? To troubleshoot, visit \S+$`)

func reason(err error) string { return around.ReplaceAllString(err.Error(), "") }

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
