package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The audiences that an operation takes a bearer of: Partner Center by its URL or, in v2 tokens, its application id. The
// legacy operation also took Azure AD Graph's ("Deprecate Azure AD graph token").
var (
	audiences       = []string{"https://api.partnercenter.microsoft.com", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"}
	legacyAudiences = append(slices.Clone(audiences), "https://graph.windows.net")
)

const (
	legacyPath   = "/generatetoken"
	codeAudience = "900420" // the audience is not accepted ("Partner Center REST error codes")
)

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// judge says what is wrong with the bearer of a request, by the code and a description, if it is a JWT. It reads the
// claims and verifies no signature. Any other bearer passes: tests need not make JWTs.
func judge(r *http.Request) (code, problem string) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(bearer(r), &claims); err != nil {
		return "", ""
	}
	accepted := audiences
	if r.URL.Path == legacyPath {
		accepted = legacyAudiences
	}
	if !slices.ContainsFunc(claims.Audience, func(a string) bool {
		return slices.Contains(accepted, strings.TrimSuffix(a, "/"))
	}) {
		return codeAudience, fmt.Sprintf("the bearer's audience is %q, none of %q", []string(claims.Audience), accepted)
	}
	now := time.Now()
	switch {
	case claims.ExpiresAt != nil && !now.Before(claims.ExpiresAt.Time):
		return documentedCodes[http.StatusUnauthorized], fmt.Sprintf("the bearer expired at %s", claims.ExpiresAt.UTC().Format(time.RFC3339))
	case claims.NotBefore != nil && now.Before(claims.NotBefore.Time):
		return documentedCodes[http.StatusUnauthorized], fmt.Sprintf("the bearer is not valid before %s", claims.NotBefore.UTC().Format(time.RFC3339))
	}
	return "", ""
}
