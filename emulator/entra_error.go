package emulator

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// entraErrors are the refusals of Entra that the emulator knows, by their code, or by the error itself where it has no
// code here. What Entra's pages on the grants say of 50076, 50079, 50173, 65001, 700082, 7000215 and 7000222 a client may
// rely on; the other codes, and all texts, are the emulator's choice.
var entraErrors = map[string]struct{ kind, text string }{
	"AADSTS50011":   {"invalid_request", "The redirect URI is not among those that are registered for the application."},
	"AADSTS50058":   {"login_required", "Nobody is signed in."},
	"AADSTS50076":   {"invalid_grant", "Multi-factor authentication is required to access the resource."},
	"AADSTS50079":   {"invalid_grant", "The person has to enroll in multi-factor authentication."},
	"AADSTS50173":   {"invalid_grant", "The grant was revoked, and a new one is needed: the password may have been changed."},
	"AADSTS54005":   {"invalid_grant", "The authorization code was already redeemed."},
	"AADSTS65001":   {"invalid_grant", "The person or an administrator has not consented to the use of the application."},
	"AADSTS65004":   {"access_denied", "The person declined to sign in."},
	"AADSTS70000":   {"invalid_grant", "The grant is not valid for this client."},
	"AADSTS70003":   {"unsupported_grant_type", "The grant type is not supported."},
	"AADSTS70005":   {"unsupported_response_type", "The response type is not supported: it has to be code."},
	"AADSTS70008":   {"invalid_grant", "The authorization code has expired."},
	"AADSTS70011":   {"invalid_scope", "The scope is not valid. It has to name one resource, by permissions or by /.default alone."},
	"AADSTS70016":   {"authorization_pending", "The person has not answered yet. Go on polling."},
	"AADSTS70018":   {"bad_verification_code", "The device code is not known."},
	"AADSTS70019":   {"expired_token", "The device code has expired."},
	"AADSTS90023":   {"invalid_request", "The request is not valid."},
	"AADSTS500112":  {"invalid_grant", "The redirect URI is not the one that the authorization code was requested with."},
	"AADSTS501481":  {"invalid_grant", "The code_verifier does not match the code_challenge of the authorization request."},
	"AADSTS700016":  {"unauthorized_client", "The application was not found in the tenant."},
	"AADSTS700025":  {"invalid_client", "The client is public, so it must send neither client_assertion nor client_secret."},
	"AADSTS700082":  {"invalid_grant", "The refresh token has expired: it was not used for 90 days."},
	"AADSTS1002012": {"invalid_scope", "The scope is not valid. With client credentials it has to be a resource and /.default."},
	"AADSTS7000215": {"invalid_client", "Invalid client secret provided."},
	"AADSTS7000216": {"invalid_client", "The grant client_credentials needs client_assertion or client_secret."},
	"AADSTS7000218": {"invalid_client", "The client is confidential, so it has to send client_assertion or client_secret."},
	"AADSTS7000222": {"invalid_client", "The client secret has expired."},
	"AADSTS9002313": {"invalid_grant", "The request is malformed or invalid."},

	"authorization_declined": {"authorization_declined", "The person declined to sign in."},
	"slow_down":              {"slow_down", "The client polls faster than the interval."},
}

const told = "The emulator was told to answer this."

// entraError is the body of a refusal.
type entraError struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
}

// entraError returns the refusal with one of Entra's codes, or with an error that has none.
func (e *Emulator) entraError(r *http.Request, code string) entraError {
	known := entraErrors[code]
	return e.newEntraError(r, code, cmp.Or(known.kind, "invalid_grant"), cmp.Or(known.text, told))
}

func (e *Emulator) newEntraError(r *http.Request, code, kind, text string) entraError {
	refusal := entraError{
		Error: kind, Description: text, Codes: []int{}, Timestamp: e.now().UTC().Format("2006-01-02 15:04:05Z"),
		TraceID: uuid.NewString(), CorrelationID: uuid.NewString(),
	}
	if id := r.Header.Get("Client-Request-Id"); uuid.Validate(id) == nil {
		refusal.CorrelationID = id
	}
	if number, ok := strings.CutPrefix(code, entraPrefix); ok {
		n, _ := strconv.Atoi(number) // of the table or of a checked fault
		refusal.Codes, refusal.Description = append(refusal.Codes, n), code+": "+text
	}
	refusal.Description += fmt.Sprintf("\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", refusal.TraceID, refusal.CorrelationID, refusal.Timestamp)
	return refusal
}

func (e *Emulator) entraRefuse(r *http.Request, code string) message {
	return refused(0, e.entraError(r, code))
}

func (e *Emulator) entraLacks(r *http.Request, parameter string) message {
	return refused(0, e.newEntraError(r, "AADSTS900144", "invalid_request",
		fmt.Sprintf("The request body must contain the following parameter: '%s'.", parameter)))
}

// refused encodes a refusal. Without a status it has the one of its error.
func refused(status int, refusal entraError) message {
	if status == 0 {
		status = http.StatusBadRequest // also for invalid_client, where RFC 6749 would allow 401
	}
	return inEntraJSON(status, refusal)
}

// inEntraJSON encodes an answer of Entra's with the headers that OAuth wants.
func inEntraJSON(status int, body any) message {
	return inJSON(reply{status: status, body: body, header: http.Header{"Pragma": {"no-cache"}}})
}

// entraFault is the refusal of a fault: by its code, which may be an OAuth error too, or else by its status.
func (e *Emulator) entraFault(r *http.Request, f Fault) message {
	switch {
	case f.entraCode() || entraErrors[f.Code].kind != "":
		return refused(f.Status, e.entraError(r, f.Code))
	case f.Code != "":
		return refused(f.Status, e.newEntraError(r, "", f.Code, told))
	case f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable:
		return refused(f.Status, e.newEntraError(r, "", "temporarily_unavailable", told))
	case f.Status >= http.StatusInternalServerError:
		return refused(f.Status, e.newEntraError(r, "", "server_error", told))
	}
	return refused(f.Status, e.newEntraError(r, "", "invalid_request", told))
}
