package wrapper

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/partnercenter-go/generatetoken/gen"
)

// Client exchanges Microsoft Entra access tokens for Partner Center access tokens. Make one with [NewClient]; the
// zero value is not usable. It is safe for concurrent use and has nothing to close.
type Client struct {
	baseURL string
	request *http.Request // what GenerateToken sends, but for ids and bearer; never changed
	bearer  BearerFunc
	retrier *retrier
}

// NewClient returns a client that authenticates each call with what bearer returns. Without options it calls the
// global service with a form body, asks for JSON and retries as [Retry] says. It sends nothing yet. It returns an error
// if bearer is nil or an option's value cannot work.
func NewClient(bearer BearerFunc, opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if bearer == nil {
		err = errors.Join(errors.New("wrapper: NewClient(nil): pass a BearerFunc, such as StaticBearer(token)"), err)
	}
	if err != nil {
		return nil, err
	}
	if limit := cfg.httpClient.Timeout; limit > 0 {
		cfg.retry.AttemptTimeout = min(cfg.retry.AttemptTimeout, limit)
	}
	c := &Client{
		baseURL: cfg.baseURL,
		bearer:  bearer,
		retrier: &retrier{client: *cfg.httpClient, retry: cfg.retry, logger: cfg.logger},
	}
	body := bytes.NewReader(cfg.contentType.grant())
	if cfg.legacy {
		c.request, err = gen.NewGenerateTokenLegacyRequestWithBody(c.baseURL, nil, string(cfg.contentType), body)
	} else {
		c.request, err = gen.NewGenerateTokenRequestWithBody(c.baseURL, nil, string(cfg.contentType), body)
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(c.request.Header, cfg.headers)
	return c, nil
}

// GenerateToken makes one exchange, with as many attempts as it takes and [Retry] allows, and returns the Partner
// Center access token. The attempts share the call's bearer and ids, so the service sees one idempotent request
// ("Authentication - Generate access token").
//
// It returns when ctx ends, unless a [BearerFunc] or a transport ignores its context; [TokenSource] does not wait for
// those either. Every error it returns is an [*Error].
func (c *Client) GenerateToken(ctx context.Context) (*Token, error) {
	return c.exchange(ctx, 1+c.retrier.retry.MaxRetries)
}

// exchange makes one exchange with up to so many attempts.
func (c *Client) exchange(ctx context.Context, attempts int) (*Token, error) {
	req := c.request.WithContext(ctx)
	req.Header = maps.Clone(c.request.Header)
	if err := c.prepare(ctx, req); err != nil {
		return nil, err
	}
	return c.retrier.send(req, attempts).token()
}

// prepare completes a call's request, above the retries, so that all attempts send the same one. Headers come first, so
// that whatever fails later is reported with the call's ids.
func (c *Client) prepare(ctx context.Context, req *http.Request) error {
	c.setHeaders(ctx, req.Header)
	return authorize(ctx, req, c.bearer)
}

// API returns the generated client with the header defaults, bearer and retries of [Client.GenerateToken]: both
// operations, every media type and every typed response. A header that a call's parameters set is kept. Request editors
// of a call run last and can replace any header, the bearer included. Each call of API returns a client of its own, so
// what is done to it reaches no other. [WithMediaType] and [WithLegacyEndpoint] are for GenerateToken alone.
//
// An answer of any status comes back as the generated response. When no whole one came, the error is an [*Error]; but an
// error page of more than 64 KiB comes back cut. Where a body is not what its Content-Type says, the generated parser
// returns an error without the status.
func (c *Client) API() *gen.ClientWithResponses {
	// The base URL has been parsed, and these options cannot fail.
	prepare := func(ctx context.Context, req *http.Request) error {
		err := c.prepare(ctx, req)
		req.Header = req.Header.Clone() // the caller's editors write into it
		return err
	}
	api, _ := gen.NewClientWithResponses(c.baseURL, gen.WithRequestEditorFn(prepare), gen.WithHTTPClient(c.retrier))
	return api
}
