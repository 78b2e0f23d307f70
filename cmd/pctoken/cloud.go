package main

import (
	"maps"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

// The variables of azidentity that this program reads, too.
const (
	authorityVariable   = "AZURE_AUTHORITY_HOST"    // an authority other than the cloud's
	secretVariable      = "AZURE_CLIENT_SECRET"     // of a confidential client
	credentialsVariable = "AZURE_TOKEN_CREDENTIALS" // what DefaultAzureCredential tries: a credential or a group of them
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

func cloudNames() []string { return slices.Sorted(maps.Keys(clouds)) }

func (f *entraFlags) cloudOf() (microsoftCloud, error) {
	c, ok := clouds[f.cloud]
	if !ok {
		return c, usagef("--cloud %q: it has to be global, china or usgov", f.cloud)
	}
	return c, nil
}
