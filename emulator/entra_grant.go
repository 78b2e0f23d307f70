package emulator

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Who signs in, and where, if the authority names no tenant.
const (
	personID   = "2b7f6f0c-8f3e-4a55-9b1c-0d5a6a1e7c11"
	personName = "person@emulator.example"
	homeTenant = "6e1f2a3b-5c4d-4e6f-8a7b-9c0d1e2f3a4b"
)

const (
	entraTokenLifetime = time.Hour
	// refreshTokenLifetime is how long a refresh token lasts unused ("Refresh tokens in the Microsoft identity platform").
	refreshTokenLifetime = 90 * 24 * time.Hour
)

// grant is what a person lets a client do.
type grant struct {
	tenant string
	client client
	scopes scopes
	mfa    bool
	nonce  string // of the sign-in, for the ID token
}

type refreshToken struct {
	grant
	made time.Time
	used bool
}

func tenantOf(r *http.Request) string {
	switch tenant := r.PathValue("tenant"); tenant {
	case "common", "organizations", "consumers":
		return homeTenant
	default:
		return tenant
	}
}

func (e *Emulator) clientCredentials(r *http.Request, c client) message {
	parameter := r.PostFormValue("scope")
	if parameter == "" {
		return e.entraLacks(r, "scope")
	}
	s, ok := parseScopes(parameter)
	if !ok || !slices.Equal(s.permissions, []string{defaultPermission}) {
		return e.entraRefuse(r, "AADSTS1002012")
	}
	return tokenAnswer(map[string]any{
		"access_token": e.sign(r, tenantOf(r), jwt.MapClaims{"aud": s.resource, "appid": c.id, "idtyp": "app"}),
	})
}

func (e *Emulator) refresh(r *http.Request, c client) message {
	value := r.PostFormValue("refresh_token")
	if value == "" {
		return e.entraLacks(r, "refresh_token")
	}
	s, ok := parseScopes(r.PostFormValue("scope"))
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	t := e.entra.refreshTokens.byKey[value]
	switch {
	case t == nil:
		return e.entraRefuse(r, "AADSTS9002313")
	case !strings.EqualFold(t.client.id, c.id):
		return e.entraRefuse(r, "AADSTS70000")
	case t.client.proven && !c.proven:
		return e.entraRefuse(r, "AADSTS7000218")
	case e.now().Sub(t.made) >= refreshTokenLifetime:
		return e.entraRefuse(r, "AADSTS700082")
	case e.entra.singleUse && t.used:
		return e.entraRefuse(r, "AADSTS50173")
	case !ok:
		return e.entraRefuse(r, "AADSTS70011")
	}
	t.used = true
	next := t.grant
	if s.resource != "" { // otherwise the token is for what the last one was for
		next.scopes.resource, next.scopes.permissions = s.resource, s.permissions
	}
	return e.issue(r, next)
}

// issue answers with the tokens of a grant. The caller holds entra.mu.
func (e *Emulator) issue(r *http.Request, g grant) message {
	methods := []string{"pwd"}
	if g.mfa {
		methods = append(methods, "mfa")
	}
	audience := cmp.Or(g.scopes.resource, graphResource)
	answer := map[string]any{
		"scope":       g.scopes.String(),
		"client_info": base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"uid":%q,"utid":%q}`, personID, g.tenant)),
		"access_token": e.sign(r, g.tenant, jwt.MapClaims{
			"aud": audience, "appid": g.client.id, "scp": strings.Join(g.scopes.granted(), " "), "amr": methods,
			"oid": personID, "sub": personID, "upn": personName,
		}),
	}
	if g.scopes.openID {
		claims := jwt.MapClaims{"aud": g.client.id, "oid": personID, "sub": personID, "preferred_username": personName}
		if g.nonce != "" {
			claims["nonce"] = g.nonce
		}
		answer["id_token"] = e.sign(r, g.tenant, claims)
	}
	if g.scopes.offline {
		value := rand.Text() + rand.Text()
		e.entra.refreshTokens.add(value, &refreshToken{grant: g, made: e.now()})
		answer["refresh_token"] = value
	}
	return tokenAnswer(answer)
}

func tokenAnswer(answer map[string]any) message {
	lifetime := int(entraTokenLifetime / time.Second)
	maps.Copy(answer, map[string]any{"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime})
	return inEntraJSON(http.StatusOK, answer)
}

// sign returns a JWT under a key that nobody has.
func (e *Emulator) sign(r *http.Request, tenant string, claims jwt.MapClaims) string {
	now := e.now()
	maps.Copy(claims, jwt.MapClaims{
		"iss": origin(r) + "/" + tenant + "/v2.0", "tid": tenant, "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(entraTokenLifetime).Unix(),
	})
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(rand.Text()))
	if err != nil {
		panic(err) // a bug: the claims are strings and numbers
	}
	return token
}
