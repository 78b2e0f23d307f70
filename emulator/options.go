package emulator

import (
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

// WithSeed sets what settles which requests meet a fault with a Probability: the same seed and the same sequence of
// requests give the same faults. The default is 0.
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

// WithIdempotencyWindow sets for how long a request id gets the token again that it got before, with the same bearer.
// 0 is never. The default is ten minutes: how long the service remembers is documented nowhere.
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

// WithGraphRetired has the legacy operation refuse a bearer for https://graph.windows.net, as the service does since
// 2025-08-31 ("Deprecate Azure AD graph token"). The default is the time before.
func WithGraphRetired() Option {
	return func(e *Emulator) error {
		e.graphRetired = true
		return nil
	}
}

// WithEntra has the emulator play Microsoft Entra's token endpoint too, as far as a client credentials grant needs it:
// discovery at /{tenant}/v2.0/.well-known/openid-configuration and tokens at /{tenant}/oauth2/v2.0/token, for any tenant,
// any client, and any secret but "wrong" or any assertion. The tokens are JWTs of the audience that the scope names,
// signed with a key that nobody has. Entra's clients insist on TLS: use [StartTLS].
func WithEntra() Option {
	return func(e *Emulator) error {
		e.entra = true
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
