package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// Revoke revokes tokens that the emulator gave, or all of them where none are named, and returns how many it revoked.
// /_emulator/resource answers 401 to a revoked token, and no exchange gets it again.
func (e *Emulator) Revoke(tokens ...string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(tokens) == 0 {
		tokens = slices.Collect(maps.Keys(e.tokens.byValue.byKey))
	}
	return e.tokens.revoke(tokens)
}

// resource answers as a resource of the partner API does that wants a Partner Center access token.
func (e *Emulator) resource(r *http.Request) message {
	value := bearer(r)
	if value == "" {
		return inJSON(refuse(http.StatusUnauthorized, noBearer).with("WWW-Authenticate", "Bearer"))
	}
	now := e.now()
	e.mu.Lock()
	problem := e.tokens.problem(value, now)
	e.mu.Unlock()
	if problem != "" {
		return inJSON(refuseBearer("", problem))
	}
	return inJSON(reply{status: http.StatusOK, body: maskHeader(r.Header), header: http.Header{}})
}

// inJSON encodes a reply of what stands beside the endpoint.
func inJSON(r reply) message {
	r.header.Set("Content-Type", "application/json")
	r.header.Set("Cache-Control", "no-store")
	body, _ := json.Marshal(r.body) // made of strings and numbers
	return message{r.status, r.header, body}
}
