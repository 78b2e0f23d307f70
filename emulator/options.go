package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Option configures an [Emulator].
type Option func(*Emulator) error

// WithFaults sets the faults that requests meet, as SetFaults does. Given more than once, the lists are joined. Reset
// sets them anew.
func WithFaults(faults ...Fault) Option {
	return func(e *Emulator) error {
		if err := checkFaults(faults); err != nil {
			return fmt.Errorf("emulator: WithFaults: %w", err)
		}
		e.initialFaults = append(e.initialFaults, faults...)
		return nil
	}
}

// WithSeed sets the seed of faults with a Probability: the same seed and the same sequence of requests give the same
// faults. The default is 0.
func WithSeed(seed uint64) Option {
	return func(e *Emulator) error {
		e.seed = seed
		return nil
	}
}

// WithTokenLifetime sets the expires_in of the tokens, in whole seconds. The default is an hour.
func WithTokenLifetime(d time.Duration) Option {
	return func(e *Emulator) error {
		if d < 0 {
			return fmt.Errorf("emulator: WithTokenLifetime(%s): a lifetime cannot be negative", d)
		}
		e.tokens.lifetime = d
		return nil
	}
}

// WithIdempotencyWindow sets for how long a request id, with the same bearer, gets the same token again. 0 is never. The
// default is ten minutes: how long the service remembers is documented nowhere.
func WithIdempotencyWindow(d time.Duration) Option {
	return func(e *Emulator) error {
		if d < 0 {
			return fmt.Errorf("emulator: WithIdempotencyWindow(%s): a window cannot be negative", d)
		}
		e.tokens.window = d
		return nil
	}
}

// WithQuota limits how many requests a tenant may make in a minute. One too many gets 429 with a Retry-After until the
// minute is over, in the form that the page "API throttling guidance" shows. The tenant is the tid of a bearer that is a
// JWT; all other bearers are one tenant together. The default, 0, is no limit: the page names no figure.
func WithQuota(perMinute int) Option {
	return func(e *Emulator) error {
		if perMinute < 0 {
			return fmt.Errorf("emulator: WithQuota(%d): a quota cannot be negative", perMinute)
		}
		e.quota.perMinute = perMinute
		return nil
	}
}

// WithStrictBearers refuses bearers that are no JWT. By default any string is taken, so that a test need not make JWTs.
func WithStrictBearers() Option {
	return func(e *Emulator) error {
		e.strict = true
		return nil
	}
}

// WithGraphRetired has the legacy operation refuse a bearer for https://graph.windows.net, or China's
// https://graph.chinacloudapi.cn. The service has retired the former on 2025-08-31 and replaced the latter ("Deprecate
// Azure AD graph token"). The default is the time before.
func WithGraphRetired() Option {
	return func(e *Emulator) error {
		e.graphRetired = true
		return nil
	}
}

// WithMFARequired refuses a bearer of a person whose sign-in had no MFA, with 401 and code 900421: a JWT with scp whose amr
// lacks mfa. App-only bearers, and those that are no JWT, pass. Microsoft enforces this on partner APIs since 2026-06-08;
// whether it does at this endpoint is documented nowhere, and the default is that it does not.
func WithMFARequired() Option {
	return func(e *Emulator) error {
		e.mfaRequired = true
		return nil
	}
}

// WithEntra has the emulator play Microsoft Entra too, for any tenant: the discovery document at
// /{tenant}/v2.0/.well-known/openid-configuration, and at /{tenant}/oauth2/v2.0/ token, devicecode and authorize, with the
// grants client_credentials, refresh_token, device_code and authorization_code. Without apps any client is known, with any
// secret but "wrong" and "expired", with any assertion and redirects to loopback; with apps, these alone. The access tokens
// are JWTs for the resource that the scope names, signed with a key that nobody has. Most clients of Entra insist on TLS:
// use [StartTLS].
//
// A person signs in at the pages that a browser is sent to, by [Emulator.AnswerDeviceCode], by the admin API, or by
// [WithAutomaticSignIn]. Codes, refresh tokens and access tokens last as long as Entra's, by the emulator's clock.
func WithEntra(apps ...App) Option {
	return func(e *Emulator) error {
		for _, app := range apps {
			if app.ID == "" {
				return errors.New("emulator: WithEntra: an app has no ID")
			}
		}
		e.entra.played = true
		e.entra.apps = append(e.entra.apps, apps...)
		return nil
	}
}

// WithAutomaticSignIn has Entra answer sign-ins by itself, as a person would: in a browser at once, and by device code
// after so many polls that were told to wait.
func WithAutomaticSignIn(answer SignIn, polls int) Option {
	return func(e *Emulator) error {
		if polls < 0 {
			return fmt.Errorf("emulator: WithAutomaticSignIn(%d): a number of polls cannot be negative", polls)
		}
		e.entra.automatic, e.entra.polls = &answer, polls
		return nil
	}
}

// WithSingleUseRefreshTokens has Entra refuse a refresh token that was used before. Entra itself does not revoke it
// ("Refresh tokens in the Microsoft identity platform"), and neither does the emulator by default.
func WithSingleUseRefreshTokens() Option {
	return func(e *Emulator) error {
		e.entra.singleUse = true
		return nil
	}
}

// WithHandler answers the requests that match a pattern of [net/http.ServeMux] with a handler of yours, such as the
// resource that a token is for. They meet no faults and are not kept. A pattern that the emulator has taken itself, or
// that is none, is an error.
func WithHandler(pattern string, handle http.Handler) Option {
	return func(e *Emulator) error {
		e.handlers = append(e.handlers, handler{pattern, handle})
		return nil
	}
}
