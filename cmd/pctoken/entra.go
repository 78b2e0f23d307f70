package main

import (
	"cmp"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// entraFlags say who signs in to Entra, and where. Their variables are azidentity's.
type entraFlags struct {
	cloud, tenantID, clientID string
	refreshTokenFile          string
}

func (f *entraFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.cloud, "cloud", "global", "which `cloud` of Microsoft's: global, china or usgov; it sets base URL, authority and scope")
	flags.StringVar(&f.tenantID, "tenant-id", "", "Entra tenant to sign in to, by its `GUID` or domain (default $AZURE_TENANT_ID)")
	flags.StringVar(&f.clientID, "client-id", "", "`GUID` of the application to sign in as or to (default $AZURE_CLIENT_ID)")
	complete(cmd, "cloud", cloudNames()...)
}

// entraHelp says what the flags leave to variables.
const entraHelp = `A confidential client's secret comes from AZURE_CLIENT_SECRET. AZURE_AUTHORITY_HOST names an authority other than
the --cloud's. No flag takes a secret: command lines are public.`

func (f *entraFlags) tenant() string { return cmp.Or(f.tenantID, os.Getenv("AZURE_TENANT_ID")) }

var tenantForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)

// entra returns how an application signs in a person, or goes on for one who has signed in.
func (f *entraFlags) entra() (*oauth2.Config, error) {
	cloud, err := f.cloudOf()
	if err != nil {
		return nil, err
	}
	tenant := f.tenant()
	client := cmp.Or(f.clientID, os.Getenv("AZURE_CLIENT_ID"))
	host := cmp.Or(os.Getenv(authorityVariable), cloud.authority.ActiveDirectoryAuthorityHost)
	authority, err := url.Parse(host)
	switch {
	case client == "":
		return nil, usagef("--client-id is missing: name the application, here or by AZURE_CLIENT_ID")
	case tenant == "":
		return nil, usagef("--tenant-id is missing: name the tenant, here or by AZURE_TENANT_ID")
	case !tenantForm.MatchString(tenant):
		return nil, usagef("--tenant-id %q: it has to be a GUID or a domain", wrapper.Redact(tenant))
	case err != nil || authority.Scheme != "https" || authority.Host == "" || authority.User != nil:
		return nil, usagef("%s: it has to be a URL such as https://login.microsoftonline.com, with https and no user info", authorityVariable)
	}
	endpoints := strings.TrimSuffix(host, "/") + "/" + tenant + "/oauth2/v2.0/"
	return &oauth2.Config{
		ClientID:     client,
		ClientSecret: os.Getenv(secretVariable),
		Endpoint: oauth2.Endpoint{
			AuthURL:       endpoints + "authorize",
			DeviceAuthURL: endpoints + "devicecode",
			TokenURL:      endpoints + "token",
			AuthStyle:     oauth2.AuthStyleInParams,
		},
		Scopes: []string{cloud.scope, "offline_access"},
	}, nil
}

// entraClient follows no redirect: one would take codes and secrets elsewhere.
func entraClient(watch *entraWatch) *http.Client {
	return &http.Client{
		Transport:     watch,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
