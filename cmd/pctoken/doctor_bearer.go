package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

func askFor(cloud microsoftCloud) string { return "ask Entra for a token of scope " + cloud.scope }

// bearer looks at what a bearer says of itself.
func (e *examination) bearer(token string, cloud microsoftCloud) {
	claims, err := claimsOf(token)
	if err != nil {
		e.wrong(askFor(cloud)+"; if this is one, the service alone can say what is wrong with it", "the bearer is not a JWT, as Entra's are")
		return
	}
	e.audience(claims, cloud)

	now := time.Now()
	expires, _ := claims.GetExpirationTime()
	notBefore, _ := claims.GetNotBefore()
	switch {
	case expires == nil:
		e.wrong(askFor(cloud), "the bearer has no expiry")
	case !now.Before(expires.Time):
		e.wrong("get a new one", "the bearer expired %s ago", now.Sub(expires.Time).Round(time.Second))
	case notBefore != nil && now.Before(notBefore.Time):
		e.wrong("set the clock of this machine", "the bearer is valid only in %s", time.Until(notBefore.Time).Round(time.Second))
	default:
		e.fine("the bearer is valid for another %s", time.Until(expires.Time).Round(time.Second))
	}

	text := func(names ...string) string {
		for _, name := range names {
			if value, _ := claims[name].(string); value != "" {
				return fmt.Sprintf("%q", value)
			}
		}
		return "unknown"
	}
	kind := "app-only"
	if _, user := claims["scp"]; user {
		kind = "app+user"
		defer e.mfa(claims)
	}
	e.fine("the bearer is %s, of tenant %s and application %s", kind, text("tid"), text("appid", "azp"))
}

func claimsOf(token string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	return claims, err
}

// mfa looks at whether the user signed in with MFA, which a bearer shows as mfa in its amr claim ("Testing the Partner
// Security Requirements"). A v2 token may have no such claim.
func (e *examination) mfa(claims jwt.MapClaims) {
	methods, ok := claims["amr"].([]any)
	switch {
	case !ok:
		e.unknown("the bearer has no amr claim: cannot tell whether the user signed in with MFA")
	case slices.Contains(methods, any("mfa")):
		e.fine("the user signed in with MFA")
	default:
		e.wrong("sign in again with MFA (pctoken login), with an account that has it set up",
			"the user signed in without MFA (amr %q), which Partner Center refuses with 401, code 900421", methods)
	}
}

// audience looks at whom the bearer is for.
func (e *examination) audience(claims jwt.MapClaims, cloud microsoftCloud) {
	got, _ := claims.GetAudience()
	has := func(audiences ...string) bool {
		return slices.ContainsFunc(got, func(a string) bool { return slices.Contains(audiences, strings.TrimSuffix(a, "/")) })
	}
	switch {
	case has(strings.TrimSuffix(cloud.scope, "/.default"), azureauth.ApplicationID):
		e.fine("the bearer is for Partner Center: %q", []string(got))
	case has("https://graph.chinacloudapi.cn"):
		e.wrong(askFor(cloud), "the bearer is for Azure AD Graph in China, whose audience Partner Center's own has replaced: %q", []string(got))
	case has("https://graph.windows.net"):
		e.wrong(askFor(cloud), "the bearer is for Azure AD Graph, an audience that was retired on 2025-08-31: %q", []string(got))
	case has(gen.ServerGlobal, gen.ServerChina):
		e.wrong("choose the bearer's cloud by --cloud, or "+askFor(cloud), "the bearer is for another cloud: %q", []string(got))
	case has("https://api.partner.microsoft.com"):
		e.wrong(askFor(cloud),
			"the bearer is for other resources of Partner Center, such as price sheets, referrals and payouts, which take it as it is: %q", []string(got))
	default:
		e.wrong(askFor(cloud), "the bearer is for another service: %q", []string(got))
	}
}
