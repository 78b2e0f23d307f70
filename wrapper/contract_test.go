package wrapper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
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
		x.requests = append(x.requests, request{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
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

// TestContractMatrix makes a real exchange between the wrapper and the emulator in every cell of 2 operations, 5 request
// media types, 4 response media types and 6 statuses. In each the request as sent and the response as received hold
// against the contract, and generated code and wrapper read the response alike.
func TestContractMatrix(t *testing.T) {
	c := loadContract(t)
	operations := []struct {
		path  string
		opts  []wrapper.Option
		parse func(*http.Response) (any, error)
	}{
		{"/v3/generatetoken", nil, func(r *http.Response) (any, error) { return gen.ParseGenerateTokenResponse(r) }},
		{
			"/generatetoken", []wrapper.Option{wrapper.WithLegacyEndpoint()},
			func(r *http.Response) (any, error) { return gen.ParseGenerateTokenLegacyResponse(r) },
		},
	}
	requestTypes := []wrapper.MediaType{
		wrapper.MediaTypeForm, wrapper.MediaTypeJSON, wrapper.MediaTypeTextJSON, wrapper.MediaTypeXML, wrapper.MediaTypeTextXML,
	}
	responseTypes := requestTypes[1:]
	statuses := []struct {
		status int
		code   string
		kind   error
	}{
		{200, "", nil},
		{400, "800002", wrapper.ErrBadRequest},
		{401, "800001", wrapper.ErrUnauthorized},
		{403, "2032", wrapper.ErrForbidden},
		{404, "404", wrapper.ErrNotFound},
		{500, "800003", wrapper.ErrServer},
	}

	cells, held := 0, 0
	for _, status := range statuses {
		faults := slices.Repeat([]emulator.Fault{{Status: status.status}}, len(operations)*len(requestTypes)*len(responseTypes))
		e, err := emulator.New(emulator.WithFaults(faults...))
		if err != nil {
			t.Fatal(err)
		}
		x := record(t, e)
		for _, op := range operations {
			for _, requestType := range requestTypes {
				for _, responseType := range responseTypes {
					name := fmt.Sprintf("POST %s, %s to %s, %d", op.path, requestType, responseType, status.status)
					name = strings.ReplaceAll(name, "/", "·") // go test splits names at slashes
					cells++
					if t.Run(name, func(t *testing.T) {
						x.requests, x.responses = nil, nil
						client := newClient(t, x.url, append([]wrapper.Option{
							wrapper.WithHTTPClient(x.client),
							wrapper.WithMediaType(requestType),
							wrapper.WithAccept(responseType),
							wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}),
						}, op.opts...)...)
						before := time.Now()
						token, err := client.GenerateToken(t.Context())
						after := time.Now()

						if len(x.requests) != 1 || len(x.responses) != 1 {
							t.Fatalf("%d requests, %d responses; %v", len(x.requests), len(x.responses), err)
						}
						sent, got := x.requests[0], x.responses[0]
						c.checkResponse(t, c.checkRequest(t, sent), got)
						if sent.path != op.path || sent.header.Get("Content-Type") != string(requestType) ||
							sent.header.Get("Accept") != string(responseType) || got.status != status.status ||
							got.header.Get("Content-Type") != string(responseType) {
							t.Errorf("sent %v, got %d %v", sent, got.status, got.header)
						}

						body := generated(t, op.parse, got)
						requestID, correlationID := sent.header.Get("ms-requestid"), sent.header.Get("ms-correlationid")
						if status.status == http.StatusOK {
							want, _ := body.(*gen.AccessToken)
							if err != nil || want == nil {
								t.Fatalf("%v; the generated client read %v", err, body)
							}
							if token.AccessToken != want.AccessToken || token.TokenType != "bearer" || want.TokenType != "bearer" ||
								want.ExpiresIn != "3600" || token.RequestID != requestID || token.CorrelationID != correlationID {
								t.Errorf("got %v, sent %v", token, sent)
							}
							if token.ExpiresAt.Before(before.Add(time.Hour)) || token.ExpiresAt.After(after.Add(time.Hour)) {
								t.Errorf("expires at %v, asked between %v and %v", token.ExpiresAt, before, after)
							}
							return
						}
						want, _ := body.(*gen.Error)
						if want == nil || want.Code != status.code {
							t.Fatalf("the generated client read %v", body)
						}
						wantKind(t, err, status.kind)
						if got, want := *asError(t, err), (wrapper.Error{
							StatusCode: status.status, Code: want.Code, Description: want.Description, Source: "emulator",
							RequestID: requestID, CorrelationID: correlationID, Attempts: 1,
						}); !reflect.DeepEqual(got, want) {
							t.Errorf("got  %#v\nwant %#v", got, want)
						}
					}) {
						held++
					}
				}
			}
		}
	}
	t.Logf("matrix: %d of %d cells hold", held, cells)
	if cells != 2*5*4*6 {
		t.Errorf("the matrix has %d cells", cells)
	}
}

// generated returns what the generated client reads in a response: the field of its status and media type.
func generated(t *testing.T, parse func(*http.Response) (any, error), r received) any {
	t.Helper()
	parsed, err := parse(&http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(bytes.NewReader(r.body))})
	if err != nil {
		t.Fatalf("the generated client cannot read the response: %v", err)
	}
	family := "JSON"
	if strings.Contains(r.header.Get("Content-Type"), "xml") {
		family = "XML"
	}
	field := reflect.ValueOf(parsed).Elem().FieldByName(fmt.Sprintf("%s%d", family, r.status))
	if !field.IsValid() {
		t.Fatalf("the generated client has no field for %d in %s", r.status, family)
	}
	return field.Interface()
}

// ways are the ways to an exchange: both operations, through GenerateToken and through API. Each takes what a caller
// may set, or nil, by the means that it has.
var ways = map[string]struct {
	path, contentType, body string
	call                    func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error
}{
	"GenerateToken": {"/v3/generatetoken", "application/x-www-form-urlencoded", "grant_type=jwt_token", generateToken},
	"GenerateToken, legacy": {
		"/generatetoken", "application/x-www-form-urlencoded", "grant_type=jwt_token",
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			return generateToken(t, baseURL, own, append(opts, wrapper.WithLegacyEndpoint())...)
		},
	},
	"API": {
		"/v3/generatetoken", "application/json", `{"grant_type":"jwt_token"}`,
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			params := &gen.GenerateTokenParams{}
			if own != nil {
				params.RequestID, params.CorrelationID = &own.requestID, &own.correlationID
			}
			resp, err := newClient(t, baseURL, opts...).API().GenerateTokenWithResponse(t.Context(), params, grant, own.edit)
			if err != nil {
				return err
			}
			return noToken(resp.StatusCode())
		},
	},
	"API, legacy": {
		"/generatetoken", "application/json", `{"grant_type":"jwt_token"}`,
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			params := &gen.GenerateTokenLegacyParams{}
			if own != nil {
				params.RequestID, params.CorrelationID = &own.requestID, &own.correlationID
			}
			resp, err := newClient(t, baseURL, opts...).API().GenerateTokenLegacyWithResponse(t.Context(), params, grant, own.edit)
			if err != nil {
				return err
			}
			return noToken(resp.StatusCode())
		},
	},
}

var grant = gen.TokenRequest{GrantType: gen.JwtToken}

// overrides are header values of a caller's own.
type overrides struct {
	requestID, correlationID       uuid.UUID
	accept, userAgent, application string
}

// edit sets what the parameters of the generated client do not have.
func (o *overrides) edit(_ context.Context, req *http.Request) error {
	if o != nil {
		req.Header.Set("Accept", o.accept)
		req.Header.Set("User-Agent", o.userAgent)
		req.Header.Set("MS-PartnerCenter-Application", o.application)
	}
	return nil
}

func generateToken(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
	ctx := t.Context()
	if own != nil {
		ctx = wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(ctx, own.correlationID), own.requestID)
		opts = append(opts, wrapper.WithAccept(wrapper.MediaType(own.accept)),
			wrapper.WithUserAgent(own.userAgent), wrapper.WithApplication(own.application))
	}
	_, err := newClient(t, baseURL, opts...).GenerateToken(ctx)
	return err
}

// noToken makes an error of what the generated client returns as a status.
func noToken(status int) error {
	if status == http.StatusOK {
		return nil
	}
	return fmt.Errorf("status %d", status)
}

// eachWay runs a test for every way, against an emulator with these faults.
func eachWay(t *testing.T, faults []emulator.Fault, test func(t *testing.T, way string, x *exchanges)) {
	t.Helper()
	for name := range ways {
		t.Run(name, func(t *testing.T) {
			e, err := emulator.New(emulator.WithFaults(faults...))
			if err != nil {
				t.Fatal(err)
			}
			test(t, name, record(t, e))
		})
	}
}

func TestContractHeadersByDefault(t *testing.T) {
	c := loadContract(t)
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, nil); err != nil {
			t.Fatal(err)
		}
		r := x.requests[0]
		c.checkRequest(t, r)
		if r.path != ways[way].path || r.body != ways[way].body || r.header.Get("Content-Type") != ways[way].contentType {
			t.Errorf("sent %v", r)
		}
		for header, want := range map[string]string{
			"Authorization": "Bearer " + bearer, "Accept": "application/json", "MS-PartnerCenter-Application": "",
		} {
			if got := r.header.Get(header); got != want {
				t.Errorf("%s is %q, want %q", header, got, want)
			}
		}
		if !strings.HasPrefix(r.header.Get("User-Agent"), "partnercenter-go-generatetoken/") {
			t.Errorf("User-Agent is %q", r.header.Get("User-Agent"))
		}
		requestID, correlationID := r.header.Get("ms-requestid"), r.header.Get("ms-correlationid")
		for _, id := range []string{requestID, correlationID} {
			if guid, err := uuid.Parse(id); err != nil || guid == uuid.Nil {
				t.Errorf("an id is %q, want a GUID", id)
			}
		}
		if requestID == correlationID {
			t.Error("the two ids are one")
		}
	})
}

func TestContractHeadersOfTheCallersOwn(t *testing.T) {
	c := loadContract(t)
	own := &overrides{uuid.New(), uuid.New(), "text/json", "billing/1.2", "billing"}
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, own); err != nil {
			t.Fatal(err)
		}
		r := x.requests[0]
		c.checkRequest(t, r)
		for header, want := range map[string]string{
			"ms-requestid": own.requestID.String(), "ms-correlationid": own.correlationID.String(),
			"Accept": "text/json", "User-Agent": "billing/1.2", "MS-PartnerCenter-Application": "billing",
		} {
			if got := r.header.Values(header); !slices.Equal(got, []string{want}) {
				t.Errorf("%s is %q, want %q", header, got, want)
			}
		}
	})
}

func TestContractAttemptsOfACallAreOneRequest(t *testing.T) {
	c := loadContract(t)
	failed := emulator.Fault{Status: 500}
	eachWay(t, []emulator.Fault{failed, failed, failed}, func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, nil, quickly()); err != nil {
			t.Fatal(err)
		}
		if len(x.requests) != 4 {
			t.Fatalf("sent %d requests, want 4", len(x.requests))
		}
		for _, r := range x.requests {
			c.checkRequest(t, r)
			if !reflect.DeepEqual(r, x.requests[0]) {
				t.Errorf("the attempts differ:\n%v\n%v", r, x.requests[0])
			}
		}
	})
}

func TestContractCallsHaveIDsOfTheirOwn(t *testing.T) {
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		ids := map[string]bool{}
		for range 3 {
			if err := ways[way].call(t, x.url, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range x.requests {
			ids[r.header.Get("ms-requestid")], ids[r.header.Get("ms-correlationid")] = true, true
		}
		if len(ids) != 6 {
			t.Errorf("three calls had %d different ids, want 6", len(ids))
		}
	})
}

func TestContractRefusalsAreNotTriedAgain(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			eachWay(t, []emulator.Fault{{Status: status}}, func(t *testing.T, way string, x *exchanges) {
				if err := ways[way].call(t, x.url, nil, quickly()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
					t.Errorf("got %v", err)
				}
				if len(x.requests) != 1 {
					t.Errorf("sent %d requests, want 1", len(x.requests))
				}
			})
		})
	}
}

func TestContractFailuresAreTriedThreeTimesMore(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			faults := slices.Repeat([]emulator.Fault{{Status: status}}, 5)
			eachWay(t, faults, func(t *testing.T, way string, x *exchanges) {
				if err := ways[way].call(t, x.url, nil, quickly()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
					t.Errorf("got %v", err)
				}
				if len(x.requests) != 4 {
					t.Errorf("sent %d requests, want 4", len(x.requests))
				}
			})
		})
	}
}

func TestContractARetryAfterBeyondTheLongestDelayEndsTheCall(t *testing.T) {
	shortest := wrapper.WithRetry(wrapper.Retry{MaxDelay: 500 * time.Millisecond})
	eachWay(t, []emulator.Fault{{Status: 429, RetryAfter: time.Second}}, func(t *testing.T, way string, x *exchanges) {
		err := ways[way].call(t, x.url, nil, shortest)
		if err == nil || len(x.requests) != 1 {
			t.Errorf("sent %d requests, want 1; %v", len(x.requests), err)
		}
		var e *wrapper.Error
		if errors.As(err, &e) && e.RetryAfter != time.Second {
			t.Errorf("RetryAfter is %v", e.RetryAfter)
		}
	})
}
