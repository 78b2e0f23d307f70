package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The audiences that an operation accepts: Partner Center's, globally and in China, by URL or, in v2 tokens, application
// id. The emulator plays both clouds at once and does not ask which one a client means. The legacy operation also accepted
// Azure AD Graph's ("Deprecate Azure AD graph token").
var (
	audiences = []string{
		"https://api.partnercenter.microsoft.com", "https://partner.partnercenterapi.microsoftonline.cn",
		"fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
	}
	legacyAudiences = append(slices.Clone(audiences), "https://graph.windows.net", "https://graph.chinacloudapi.cn")
)

const legacyPath = "/generatetoken"

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// judge returns the tenant of a request's bearer, or the error code and what is wrong with the bearer. It reads the
// claims of a JWT and verifies no signature.
func (e *Emulator) judge(r *http.Request) (tenant, code, problem string) {
	var claims struct {
		jwt.RegisteredClaims
		Tenant  string           `json:"tid"`
		Scope   string           `json:"scp"` // of app+user alone
		Methods jwt.ClaimStrings `json:"amr"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(bearer(r), &claims); err != nil {
		if e.strict {
			return "", unauthorized, "the bearer is not a JWT, and the emulator was told to take no other"
		}
		return "", "", ""
	}
	accepted := audiences
	if r.URL.Path == legacyPath && !e.graphRetired {
		accepted = legacyAudiences
	}
	if !slices.ContainsFunc(claims.Audience, func(a string) bool {
		return slices.Contains(accepted, strings.TrimSuffix(a, "/"))
	}) {
		return "", codeAudience, fmt.Sprintf("the bearer's audience is %q, none of %q", []string(claims.Audience), accepted)
	}
	now := e.now()
	switch {
	case claims.ExpiresAt != nil && !now.Before(claims.ExpiresAt.Time):
		return "", unauthorized, fmt.Sprintf("the bearer expired at %s", claims.ExpiresAt.UTC().Format(time.RFC3339))
	case claims.NotBefore != nil && now.Before(claims.NotBefore.Time):
		return "", unauthorized, fmt.Sprintf("the bearer is not valid before %s", claims.NotBefore.UTC().Format(time.RFC3339))
	case e.mfaRequired && claims.Scope != "" && !slices.Contains(claims.Methods, "mfa"):
		return "", codeMFA, fmt.Sprintf("the bearer is app+user and its sign-in had no MFA: amr is %q", []string(claims.Methods))
	}
	return claims.Tenant, "", ""
}
