package emulator

import (
	"slices"
	"strings"
)

// oidcScopes name no resource.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// graphResource is what a permission is of that names no resource.
const graphResource = "https://graph.microsoft.com"

const defaultPermission = ".default"

// scopes are what a client asks for: permissions of one resource.
type scopes struct {
	resource        string // empty: none is named
	permissions     []string
	openID, offline bool
}

// parseScopes reads the scope parameter, and reports whether it is one that Entra takes.
func parseScopes(parameter string) (s scopes, ok bool) {
	for scope := range strings.FieldsSeq(parameter) {
		if slices.Contains(oidcScopes, scope) {
			s.openID = s.openID || scope == "openid"
			s.offline = s.offline || scope == "offline_access"
			continue
		}
		resource, permission := graphResource, scope
		if i := strings.LastIndex(scope, "/"); i >= 0 {
			resource, permission = scope[:i], scope[i+1:]
		}
		// A resource that ends in ":/" is half of a URL, which had no permission.
		if resource == "" || permission == "" || strings.HasSuffix(resource, ":/") || s.resource != "" && s.resource != resource {
			return s, false
		}
		s.resource = resource
		s.permissions = append(s.permissions, permission)
	}
	return s, len(s.permissions) == 1 || !slices.Contains(s.permissions, defaultPermission)
}

// granted returns the permissions that a token for the scopes has: .default stands for what was consented to.
func (s scopes) granted() []string {
	if slices.Contains(s.permissions, defaultPermission) {
		return []string{"user_impersonation"}
	}
	return s.permissions
}

// String returns the scope of an answer. It repeats .default, which MSAL looks for.
func (s scopes) String() string {
	var full []string
	for _, permission := range s.granted() {
		full = append(full, s.resource+"/"+permission)
	}
	if slices.Contains(s.permissions, defaultPermission) {
		full = append(full, s.resource+"/"+defaultPermission)
	}
	return strings.Join(full, " ")
}
