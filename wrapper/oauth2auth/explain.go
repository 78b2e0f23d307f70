package oauth2auth

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/internal/signin"
)

// ErrSignInRequired is in the error, for [errors.Is], if a person has to sign in again before [RefreshToken] can get
// another token. The error's text says why.
var ErrSignInRequired = errors.New("a person has to sign in again")

// reasons are what Entra's codes mean ("Refresh tokens in the Microsoft identity platform" and its pages on the grants).
var reasons = map[string]string{
	"AADSTS700082":  "the refresh token was not used for 90 days",
	"AADSTS50173":   "the refresh token was revoked, by a new password for one",
	"AADSTS50076":   "multi-factor authentication is wanted",
	"AADSTS50079":   "multi-factor authentication is wanted",
	"AADSTS65001":   "nobody consented to what the application asks for",
	"AADSTS7000215": "the client secret is wrong: it has to be the secret's value, not its ID",
	"AADSTS7000222": "the client secret has expired: make another in Entra",
}

var entraCode = regexp.MustCompile(`AADSTS\d+`)

// explain returns the error of a sign-in that failed for err, an error of x/oauth2.
func explain(err error, secrets ...string) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		// x/oauth2 keeps the text alone of an answer that broke off.
		temporary := signin.BrokenNetwork(err) || strings.HasPrefix(err.Error(), "oauth2: cannot fetch token: ")
		return signin.Error(fmt.Errorf("no token from Entra: %w", err), temporary, secrets...)
	}
	var status int
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	temporary, reason := signin.TemporaryStatus(status), reasons[entraCode.FindString(refused.ErrorDescription)]
	r := refusal{of: []error{err}, text: "no token from Entra"}
	step := ""
	switch {
	case temporary:
	case refused.ErrorCode == "invalid_grant", refused.ErrorCode == "interaction_required":
		r.of = append(r.of, ErrSignInRequired)
		r.text += ": " + ErrSignInRequired.Error()
		step = "; sign in again, as pctoken login does"
	case status/100 == 3:
		r.text += ": redirects are not followed, so check the token URL"
	case reason == "":
		step = "; check the tenant, the application and its credential"
	}
	if reason != "" {
		r.text += ": " + reason
	}
	said := err.Error()
	if refused.ErrorCode != "" {
		first, _, _ := strings.Cut(refused.ErrorDescription, "\n") // the ids of the answer follow
		said = strings.TrimSuffix(refused.ErrorCode+": "+strings.TrimSpace(first), ": ")
	}
	secrets = append(secrets, signin.Secrets(refused.Response)...)
	r.text = wrapper.Redact(r.text+": "+said+step, secrets...) // %#v shows it
	return signin.Error(r, temporary, secrets...)
}

// refusal tells in a line what its errors take several for.
type refusal struct {
	text string
	of   []error
}

func (r refusal) Error() string   { return r.text }
func (r refusal) Unwrap() []error { return r.of }
