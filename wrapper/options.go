package wrapper

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Option configures a [Client]. [NewClient] refuses a value that cannot work, with an error that names the option.
type Option func(*config) error

type config struct {
	baseURL     string
	httpClient  *http.Client
	retry       Retry
	contentType MediaType
	body        []byte
	headers     http.Header
	logger      *slog.Logger
	legacy      bool
}

func newConfig(opts []Option) (*config, error) {
	cfg := &config{
		httpClient: &http.Client{Transport: defaultTransport()}, // see transport.go
		headers:    defaultHeaders(),
		logger:     slog.New(slog.DiscardHandler),
	}
	// The defaults that need work go through their own options, so that there is one way to set them.
	defaults := []Option{WithBaseURL(gen.ServerGlobal), WithMediaType(MediaTypeForm), WithRetry(Retry{})}
	var errs []error
	for _, opt := range slices.Concat(defaults, opts) {
		errs = append(errs, opt(cfg))
	}
	return cfg, errors.Join(errs...)
}

func optionError(option, value, problem string) error {
	return fmt.Errorf("wrapper: %s(%s): %s", option, value, problem)
}

// WithBaseURL sets the service to call: [gen.ServerGlobal], which is the default and serves the US Government cloud too
// (the source of Microsoft's own SDKs), [gen.ServerChina], or any other that follows the contract, such as an emulator.
// It uses https, or http to a loopback host. A path is kept as a prefix; user info, query and fragment are refused.
func WithBaseURL(baseURL string) Option {
	return func(cfg *config) error {
		u, err := url.Parse(baseURL)
		if err != nil {
			// Neither the URL nor the parser's error is shown: both may hold a password.
			return optionError("WithBaseURL", "…", "this is no URL; it has to look like "+gen.ServerGlobal)
		}
		fail := func(problem string) error {
			return optionError("WithBaseURL", fmt.Sprintf("%q", withoutSecrets(baseURL)), problem)
		}
		switch {
		case u.User != nil:
			return fail("a URL with user info would leak it; pass the credential as the bearer")
		case u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
			return fail("it has to be an absolute URL such as " + gen.ServerGlobal)
		case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return fail("a query or fragment cannot be part of it")
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			return fail("http would send the bearer in the clear; use https, or a loopback host")
		}
		cfg.baseURL = strings.TrimSuffix(baseURL, "/") + "/" // what follows is relative to it
		return nil
	}
}

// withoutSecrets formats a base URL for an error, without user info and query.
func withoutSecrets(baseURL string) string {
	if i := strings.IndexAny(baseURL, "?#"); i >= 0 {
		baseURL = baseURL[:i]
	}
	if i := strings.LastIndexByte(baseURL, '@'); i >= 0 {
		return "…" + baseURL[i:]
	}
	return baseURL
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// WithHTTPClient sends the requests with a copy of c, to bring a transport, a proxy or tracing. Redirects are not
// followed whatever c.CheckRedirect says. A c.Timeout limits each attempt, like [Retry].AttemptTimeout.
//
// The default is a client on a copy of [http.DefaultTransport] that makes a connection for each attempt and reads 256
// KiB of headers at most. A client that keeps connections saves a handshake if it makes many exchanges a minute, but can
// meet a dead connection, or the answer that a gateway out of step sent to another call.
func WithHTTPClient(c *http.Client) Option {
	return func(cfg *config) error {
		if c == nil {
			return optionError("WithHTTPClient", "nil", "pass a client, or leave the option out for the default")
		}
		cfg.httpClient = c
		return nil
	}
}

// WithRetry sets how failed attempts are tried again; see [Retry] for the defaults that its zero fields stand for.
func WithRetry(r Retry) Option {
	return func(cfg *config) error {
		filled, err := r.withDefaults()
		cfg.retry = filled
		return err
	}
}

// WithMediaType sets the media type of the request's body. The default is [MediaTypeForm].
func WithMediaType(m MediaType) Option {
	return func(cfg *config) error {
		body, err := encodeGrant(m)
		if err != nil {
			return optionError("WithMediaType", fmt.Sprintf("%q", m), err.Error())
		}
		cfg.contentType, cfg.body = m, body
		return nil
	}
}

// WithAccept sets the media type that responses are asked for in. The default is [MediaTypeJSON]. [MediaTypeForm] is
// refused: the endpoint gives no responses in it.
func WithAccept(m MediaType) Option {
	return func(cfg *config) error {
		allowed := []MediaType{MediaTypeJSON, MediaTypeTextJSON, MediaTypeXML, MediaTypeTextXML}
		if !slices.Contains(allowed, m) {
			return optionError("WithAccept", fmt.Sprintf("%q", m),
				fmt.Sprintf("no media type of the endpoint's responses; use one of %q", allowed))
		}
		cfg.headers.Set("Accept", string(m))
		return nil
	}
}

// WithApplication names the calling application in the MS-PartnerCenter-Application header ("Partner Center REST
// headers"). By default the header is not sent.
func WithApplication(name string) Option {
	return func(cfg *config) error {
		cfg.headers.Set("MS-PartnerCenter-Application", name)
		return checkHeaderValue("WithApplication", name)
	}
}

// WithUserAgent sets the User-Agent header. The default names this module and its version.
func WithUserAgent(userAgent string) Option {
	return func(cfg *config) error {
		cfg.headers.Set("User-Agent", userAgent)
		return checkHeaderValue("WithUserAgent", userAgent)
	}
}

func checkHeaderValue(option, value string) error {
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.TrimSpace(value) == "" || strings.ContainsFunc(value, control) {
		return optionError(option, fmt.Sprintf("%q", value), "a header cannot be blank or hold control characters")
	}
	return nil
}

// WithLogger logs every attempt to l: at level Warn when it is tried again, at level Debug when its outcome goes back
// to the caller. No record holds a token. By default nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		if l == nil {
			return optionError("WithLogger", "nil", "pass a logger, or leave the option out to log nothing")
		}
		cfg.logger = l
		return nil
	}
}

// WithLegacyEndpoint makes [Client.GenerateToken] use POST /generatetoken, the version before /v3, for a partner who
// still has to. Microsoft is retiring it ("Authentication - Generate access token legacy (Deprecating)").
func WithLegacyEndpoint() Option {
	return func(cfg *config) error {
		cfg.legacy = true
		return nil
	}
}
