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
	headers     http.Header
	logger      *slog.Logger
	legacy      bool
}

func newConfig(opts []Option) (*config, error) {
	cfg := &config{
		baseURL:     gen.ServerGlobal,
		httpClient:  &http.Client{Transport: defaultTransport()}, // see transport.go
		retry:       Retry{}.withDefaults(),
		contentType: MediaTypeForm,
		headers:     defaultHeaders(),
		logger:      slog.New(slog.DiscardHandler),
	}
	var errs []error
	for _, opt := range opts {
		errs = append(errs, opt(cfg))
	}
	return cfg, errors.Join(errs...)
}

// refuse returns an error if what an option was given is bad; the format names the option.
func refuse(bad bool, format string, args ...any) error {
	if !bad {
		return nil
	}
	return fmt.Errorf("wrapper: "+format, args...)
}

// WithBaseURL sets the service to call: [gen.ServerGlobal], which is the default and serves the US Government cloud too
// (the source of Microsoft's own SDKs), [gen.ServerChina], or any other that follows the contract, such as an emulator.
// It uses https, or http to a loopback host. A path is kept as a prefix; user info, query and fragment are refused.
func WithBaseURL(baseURL string) Option {
	return func(cfg *config) error {
		u, err := url.Parse(baseURL)
		if err != nil {
			// Neither the URL nor the parser's error is shown: both may hold a password.
			return refuse(true, "WithBaseURL(…): this is no URL; it has to look like %s", gen.ServerGlobal)
		}
		problem := ""
		switch {
		case u.User != nil:
			problem = "a URL with user info would leak it; pass the credential as the bearer"
		case u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
			problem = "it has to be an absolute URL such as " + gen.ServerGlobal
		case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			problem = "a query or fragment cannot be part of it"
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			problem = "http would send the bearer in the clear; use https, or a loopback host"
		}
		cfg.baseURL = strings.TrimSuffix(baseURL, "/") + "/" // what follows is relative to it
		shown := baseURL[:strings.IndexAny(baseURL+"?", "?#")]
		if u.Opaque != "" || strings.Contains(shown, "@") { // it may be user info, also where no host is
			shown = "…" + u.Host
		}
		return refuse(problem != "", "WithBaseURL(%q): %s", shown, problem)
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// WithHTTPClient sends the requests with a copy of c, to bring a transport, a proxy or tracing. Redirects are not
// followed whatever c.CheckRedirect says. A c.Timeout limits each attempt, like [Retry].AttemptTimeout.
//
// The default is a client on a copy of [http.DefaultTransport] that makes a connection for each attempt and reads 256
// KiB of headers at most. A client that keeps connections saves a handshake if it makes many exchanges a minute, but can
// meet a dead connection, or the answer that a gateway out of step sent to another call.
func WithHTTPClient(c *http.Client) Option {
	return func(cfg *config) error {
		cfg.httpClient = c
		return refuse(c == nil, "WithHTTPClient(nil): pass a client, or leave the option out for the default")
	}
}

// WithRetry sets how failed attempts are tried again; see [Retry] for the defaults that its zero fields stand for.
func WithRetry(r Retry) Option {
	return func(cfg *config) error {
		cfg.retry = r.withDefaults()
		return errors.Join(
			refuse(min(r.Delay, r.MaxDelay, r.AttemptTimeout) < 0, "WithRetry(%+v): a duration cannot be negative", r),
			refuse(slices.ContainsFunc(r.StatusCodes, func(code int) bool { return code < 400 || code > 599 }),
				"WithRetry(%+v): only statuses from 400 to 599 are failures", r))
	}
}

// WithMediaType sets the media type of the request's body. The default is [MediaTypeForm].
func WithMediaType(m MediaType) Option {
	return func(cfg *config) error {
		cfg.contentType = m
		return m.oneOf("WithMediaType", append(responseTypes, MediaTypeForm))
	}
}

// WithAccept sets the media type that responses are asked for in. The default is [MediaTypeJSON]. [MediaTypeForm] is
// refused: the endpoint gives no responses in it.
func WithAccept(m MediaType) Option {
	return func(cfg *config) error {
		cfg.headers.Set("Accept", string(m))
		return m.oneOf("WithAccept", responseTypes)
	}
}

// WithApplication names the calling application in the MS-PartnerCenter-Application header ("Partner Center REST
// headers"). By default the header is not sent.
func WithApplication(name string) Option {
	return withHeader("WithApplication", "MS-PartnerCenter-Application", name)
}

// WithUserAgent sets the User-Agent header. The default names this module and its version.
func WithUserAgent(userAgent string) Option {
	return withHeader("WithUserAgent", "User-Agent", userAgent)
}

func withHeader(option, name, value string) Option {
	return func(cfg *config) error {
		cfg.headers.Set(name, value)
		control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
		return refuse(strings.TrimSpace(value) == "" || strings.ContainsFunc(value, control),
			"%s(%q): a header cannot be blank or hold control characters", option, value)
	}
}

// WithLogger logs every attempt to l: at level Warn when it is tried again, at level Debug when its outcome goes back
// to the caller. No record holds a token. By default nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		cfg.logger = l
		return refuse(l == nil, "WithLogger(nil): pass a logger, or leave the option out to log nothing")
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
