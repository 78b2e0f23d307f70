package wrapper_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/api"
)

// contract checks what crosses the wire against api/openapi.yaml.
type contract struct{ doc *openapi3.T }

func loadContract(t *testing.T) contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return contract{doc}
}

// input finds the operation that a request is for and prepares its validation.
func (c contract) input(t *testing.T, method, path string, header http.Header, body string) *openapi3filter.RequestValidationInput {
	t.Helper()
	item := c.doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		t.Fatalf("the contract has no %s %s", method, path)
	}
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header = header
	return &openapi3filter.RequestValidationInput{
		Request: req,
		Route:   &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{
				openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(uuid.Validate)),
			},
			AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
				if got := in.RequestValidationInput.Request.Header.Get("Authorization"); got != "Bearer "+bearer {
					return fmt.Errorf("Authorization is %q", got)
				}
				return nil
			},
		},
	}
}

// checkRequest fails the test where a request, as it was sent, is not what the contract says.
func (c contract) checkRequest(t *testing.T, r request) *openapi3filter.RequestValidationInput {
	t.Helper()
	in := c.input(t, r.method, r.path, r.header, r.body)
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("the request breaks the contract: %v", err)
	}
	return in
}

// received is a response as it came off the wire.
type received struct {
	status int
	header http.Header
	body   []byte
}

// checkResponse fails the test where a response, as it was received, is not what the contract says.
func (contract) checkResponse(t *testing.T, in *openapi3filter.RequestValidationInput, r received) {
	t.Helper()
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in,
		Status:                 r.status,
		Header:                 r.header,
		Body:                   io.NopCloser(bytes.NewReader(r.body)),
		Options:                in.Options,
	})
	if err != nil {
		t.Errorf("the response breaks the contract: %v", err)
	}
}

// exchanges serves a handler on loopback and keeps what crosses the wire, each side's own view of it.
type exchanges struct {
	url       string
	client    *http.Client
	requests  []request
	responses []received
}

func record(t *testing.T, handler http.Handler) *exchanges {
	x := &exchanges{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		x.requests = append(x.requests, request{r.Method, r.URL.String(), r.URL.Path, r.Header.Clone(), string(body)})
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	x.url = server.URL
	x.client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		x.responses = append(x.responses, received{resp.StatusCode, resp.Header, body})
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, err
	})}
	return x
}
