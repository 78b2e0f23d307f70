package wrapper

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Token is a Partner Center access token. Formatting it with any verb of package fmt, logging it or marshalling it to
// JSON shows everything but the access token; read the field to use it.
type Token struct {
	// AccessToken is the secret itself, to be sent as "Authorization: Bearer …". It is opaque: the documentation asks
	// callers not to decode it ("Deprecate Azure AD graph token").
	AccessToken string
	// TokenType is how the service says the token is to be presented, in practice "bearer". It may be empty.
	TokenType string
	// ExpiresAt is when the token stops being valid, in UTC by the wall clock: the answer's expires_in, counted from
	// the moment the call's first attempt left, so that it is never later than the service's own reckoning. It is zero
	// when the service did not say.
	ExpiresAt time.Time
	// RequestID and CorrelationID identify the call that brought the token, for logs and support requests: what the
	// service reported, or else what was sent.
	RequestID, CorrelationID string
}

var errNoToken = errors.New("the answer holds no usable access token")

// token returns what an answer is worth to the caller: a Token, or an *Error.
func (a *answer) token() (*Token, error) {
	var body gen.AccessToken
	if a.response.StatusCode != http.StatusOK || a.err != nil || a.decode(&body) != nil ||
		body.AccessToken == "" || indexInvalid(body.AccessToken) >= 0 {
		return nil, a.failure()
	}
	t := &Token{AccessToken: body.AccessToken, TokenType: redact(body.TokenType, 64, body.AccessToken)}
	t.RequestID, t.CorrelationID = a.id(headerRequestID, t.AccessToken), a.id(headerCorrelationID, t.AccessToken)
	if lifetime, err := body.ExpiresIn.Int64(); err == nil { // one under zero is over
		// UTC drops the monotonic part as well, and should: that clock stands still while a machine sleeps.
		t.ExpiresAt = a.started.Add(seconds(lifetime)).UTC()
	}
	return t, nil
}

// Format implements [fmt.Formatter] for every verb and flag, without the access token.
func (t Token) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "Token{AccessToken:%s TokenType:%s ExpiresAt:%s RequestID:%s CorrelationID:%s}",
		redacted, t.TokenType, t.ExpiresAt.Format(time.RFC3339), t.RequestID, t.CorrelationID)
}

// MarshalJSON implements [json.Marshaler], without the access token. To hand a token on, marshal a type of your own.
func (t Token) MarshalJSON() ([]byte, error) {
	type plain Token // without this method
	t.AccessToken = redacted
	return json.Marshal(plain(t))
}
