// Package bench measures this client beside what a user would pick instead: each does the same work, all in one run, and
// what counts are ratios. It is a module of its own, so that the others stay out of the client's requirements.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/go-resty/resty/v2"
	"github.com/google/uuid"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// exchange makes one exchange and returns the token: with a bearer, Accept, both ids, the form as its body, and the
// token decoded.
type exchange func(context.Context) (string, error)

const (
	bearer    = "an-entra-access-token"
	form      = "application/x-www-form-urlencoded"
	grant     = "grant_type=jwt_token"
	userAgent = "bench/1"
	path      = "/v3/generatetoken"

	retries  = 3
	delay    = time.Nanosecond // so that no waiting is measured
	maxDelay = time.Nanosecond
)

// token is what the service answers with; as long as such tokens are.
var (
	token  = strings.Repeat("a", 1400)
	answer = fmt.Sprintf(`{"access_token":"%s","token_type":"bearer","expires_in":3600}`, token)
)

// peers makes an exchange of each kind. The first is the floor.
var peers = []struct {
	name string
	make func(baseURL string, client *http.Client) (exchange, error)
	// retries reports whether it tries a 500 again.
	retries bool
}{
	{"net/http by hand", byHand, false},
	{"generated client", generated, false},
	{"wrapper", wrapped, true},
	{"azcore", azure, true},
	{"resty", restful, true},
	{"go-retryablehttp", retryable, true},
}

// byHand is what a careful engineer writes without retries.
func byHand(baseURL string, client *http.Client) (exchange, error) {
	return func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, baseURL+path, strings.NewReader(grant))
		if err != nil {
			return "", err
		}
		setHeaders(req.Header)
		req.Header.Set("Content-Type", form)
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return "", err
		}
		if resp.StatusCode != http.StatusOK {
			return "", fmt.Errorf("%s: %s", resp.Status, body)
		}
		var t gen.AccessToken
		if err := json.Unmarshal(body, &t); err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}, nil
}

func setHeaders(h http.Header) {
	h.Set("Authorization", "Bearer "+bearer)
	h.Set("Accept", "application/json")
	h.Set("User-Agent", userAgent)
	h.Set("ms-requestid", uuid.NewString())
	h.Set("ms-correlationid", uuid.NewString())
}

func generated(baseURL string, client *http.Client) (exchange, error) {
	c, err := gen.NewClientWithResponses(baseURL, gen.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	return throughGenerated(c), nil
}

func throughGenerated(c *gen.ClientWithResponses) exchange {
	authorize := func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("User-Agent", userAgent)
		return nil
	}
	return func(ctx context.Context) (string, error) {
		requestID, correlationID := uuid.New(), uuid.New()
		resp, err := c.GenerateTokenWithFormdataBodyWithResponse(ctx,
			&gen.GenerateTokenParams{RequestID: &requestID, CorrelationID: &correlationID},
			gen.GenerateTokenFormdataRequestBody{GrantType: gen.JwtToken}, authorize)
		if err != nil {
			return "", err
		}
		if resp.JSON200 == nil {
			return "", fmt.Errorf("%s", resp.Status())
		}
		return resp.JSON200.AccessToken, nil
	}
}

func wrapped(baseURL string, client *http.Client) (exchange, error) {
	c, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(baseURL), wrapper.WithHTTPClient(client),
		wrapper.WithUserAgent(userAgent), wrapper.WithRetry(wrapper.Retry{MaxRetries: retries, Delay: delay, MaxDelay: maxDelay}))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		t, err := c.GenerateToken(ctx)
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}, nil
}

// headerPolicy sets the headers once per call, above azcore's retries.
type headerPolicy struct{}

func (headerPolicy) Do(req *policy.Request) (*http.Response, error) {
	setHeaders(req.Raw().Header)
	return req.Next()
}

func azure(baseURL string, client *http.Client) (exchange, error) {
	pipeline := runtime.NewPipeline("bench", "v1", runtime.PipelineOptions{PerCall: []policy.Policy{headerPolicy{}}},
		&policy.ClientOptions{
			Transport: client,
			Retry:     policy.RetryOptions{MaxRetries: retries, RetryDelay: delay, MaxRetryDelay: maxDelay},
			Telemetry: policy.TelemetryOptions{Disabled: true},
		})
	return func(ctx context.Context) (string, error) {
		req, err := runtime.NewRequest(ctx, http.MethodPost, baseURL+path)
		if err != nil {
			return "", err
		}
		if err := req.SetBody(streaming.NopCloser(strings.NewReader(grant)), form); err != nil {
			return "", err
		}
		resp, err := pipeline.Do(req)
		if err != nil {
			return "", err
		}
		if !runtime.HasStatusCode(resp, http.StatusOK) {
			return "", runtime.NewResponseError(resp)
		}
		var t gen.AccessToken
		if err := runtime.UnmarshalAsJSON(resp, &t); err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}, nil
}

func restful(baseURL string, client *http.Client) (exchange, error) {
	c := resty.NewWithClient(client).SetBaseURL(baseURL).SetRetryCount(retries).SetRetryWaitTime(delay).SetRetryMaxWaitTime(maxDelay).
		AddRetryCondition(func(r *resty.Response, err error) bool { return err != nil || r.StatusCode() >= 500 })
	return func(ctx context.Context) (string, error) {
		var t gen.AccessToken
		req := c.R().SetContext(ctx).SetFormData(map[string]string{"grant_type": "jwt_token"}).SetResult(&t)
		setHeaders(req.Header)
		resp, err := req.Post(path)
		if err != nil {
			return "", err
		}
		if resp.StatusCode() != http.StatusOK {
			return "", fmt.Errorf("%s", resp.Status())
		}
		return t.AccessToken, nil
	}, nil
}

// retryable is go-retryablehttp under the generated client.
func retryable(baseURL string, client *http.Client) (exchange, error) {
	r := retryablehttp.NewClient()
	r.HTTPClient = client
	r.Logger = nil
	r.RetryMax, r.RetryWaitMin, r.RetryWaitMax = retries, delay, maxDelay
	c, err := gen.NewClientWithResponses(baseURL, gen.WithHTTPClient(r.StandardClient()))
	if err != nil {
		return nil, err
	}
	return throughGenerated(c), nil
}
