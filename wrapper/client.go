package wrapper

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Client exchanges Microsoft Entra access tokens for Partner Center access tokens. Make one with [NewClient]; the
// zero value is not usable. It is safe for concurrent use and has nothing to close.
type Client struct {
	chain   *gen.Client
	request *http.Request // of GenerateToken, before the chain: the generated builder makes it once for all calls
	logger  *slog.Logger  // for who works on the client's behalf, like a TokenSource
}

// NewClient returns a client that authenticates each call with what bearer returns. Without options it calls the
// global service with a form body, asks for JSON and retries as [Retry] says. It returns an error, and sends nothing,
// when bearer is nil or an option's value cannot work.
func NewClient(bearer BearerFunc, opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if bearer == nil {
		err = errors.Join(errors.New("wrapper: NewClient(nil): pass a BearerFunc, such as StaticBearer(token)"), err)
	}
	if err != nil {
		return nil, err
	}
	chain, err := assemble(cfg, bearer)
	if err != nil {
		return nil, err
	}
	build := gen.NewGenerateTokenRequestWithBody
	if cfg.legacy {
		build = legacyRequest
	}
	request, err := build(chain.Server, nil, string(cfg.contentType), bytes.NewReader(cfg.body))
	if err != nil {
		return nil, err
	}
	return &Client{chain: chain, request: request, logger: cfg.logger}, nil
}

// legacyRequest makes requests of the deprecated operation, as whoever sets WithLegacyEndpoint knows.
func legacyRequest(
	server string, _ *gen.GenerateTokenParams, contentType string, body io.Reader,
) (*http.Request, error) {
	return gen.NewGenerateTokenLegacyRequestWithBody(server, nil, contentType, body)
}

// assemble puts the chain of a call together. The order is the behaviour:
//
//  1. Header defaults come first, so that whatever fails later is reported with the call's ids.
//  2. The bearer is next, above the retries: fetched once per call, and its failure is never retried here.
//  3. Retry lies below everything that builds the request, so that all attempts send the same one.
//  4. The http.Client is last: one attempt is one round trip, redirects included, which it must not follow.
func assemble(cfg *config, bearer BearerFunc) (*gen.Client, error) {
	httpClient := *cfg.httpClient
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return gen.NewClient(cfg.baseURL,
		gen.WithRequestEditorFn(defaultHeaders(cfg)),
		gen.WithRequestEditorFn(authorize(bearer)),
		gen.WithHTTPClient(&retrier{next: &httpClient, retry: cfg.retry, logger: cfg.logger}),
	)
}

// GenerateToken makes one exchange, with as many attempts as it takes and [Retry] allows, and returns the Partner
// Center access token. The attempts share the call's bearer and ids, so the service sees one idempotent request. It
// ends at once when ctx does.
//
// Every error it returns is an [*Error]: a refusal or failure of the service, or, with StatusCode 0, the reason why
// no answer came. ("Authentication - Generate access token")
func (c *Client) GenerateToken(ctx context.Context) (*Token, error) {
	resp, err := c.post(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return newToken(resp)
	case resp.StatusCode < 300:
		return nil, noToken(resp) // a success that is not documented; its body may be a token
	}
	return nil, refusal(resp)
}

// post does what the generated client does for each call, with a request that is there already. URL and header are the
// call's own: a transport may not change them, but some do.
func (c *Client) post(ctx context.Context) (*http.Response, error) {
	req := c.request.WithContext(ctx)
	target := *c.request.URL
	req.URL = &target
	req.Header = maps.Clone(c.request.Header)
	for _, edit := range c.chain.RequestEditors {
		if err := edit(ctx, req); err != nil {
			return nil, err
		}
	}
	return c.chain.Client.Do(req)
}

// API returns the generated client on the same chain as [Client.GenerateToken]: both operations, every media type and
// every typed response, with the same header defaults, bearer and retries. A header that a call's parameters set is
// kept. Request editors of a call run last and can replace any header, the bearer included.
//
// An answer of any status comes back as the generated response; when no answer came, the error is an [*Error]. A body
// that is not what its Content-Type says makes the generated parser return an error without the status, which
// GenerateToken does not. The client's own media type is for GenerateToken; here each method has its own.
func (c *Client) API() *gen.ClientWithResponses {
	return &gen.ClientWithResponses{ClientInterface: c.chain}
}
