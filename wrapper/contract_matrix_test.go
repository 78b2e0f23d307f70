package wrapper_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// operationsOfWrapper are the ways of GenerateToken to the contract's operations, and the generated parsers of the answers.
var operationsOfWrapper = map[string]struct {
	opts  []wrapper.Option
	parse func(*http.Response) (any, error)
}{
	"generateToken": {nil, func(r *http.Response) (any, error) { return gen.ParseGenerateTokenResponse(r) }},
	"generateTokenLegacy": {
		[]wrapper.Option{wrapper.WithLegacyEndpoint()},
		func(r *http.Response) (any, error) { return gen.ParseGenerateTokenLegacyResponse(r) },
	},
}

// kinds are what the documented refusals are to a caller. A status that is new in the contract has to be one of the
// kinds there are, whichever.
var kinds = map[int]error{
	400: wrapper.ErrBadRequest,
	401: wrapper.ErrUnauthorized,
	403: wrapper.ErrForbidden,
	404: wrapper.ErrNotFound,
	500: wrapper.ErrServer,
}

// cell is an exchange by one operation, in one media type each way, with one status.
type cell struct {
	path                      string
	operation                 *openapi3.Operation
	requestType, responseType wrapper.MediaType
	status                    int
}

func (c cell) String() string {
	name := fmt.Sprintf("POST %s, %s to %s, %d", c.path, c.requestType, c.responseType, c.status)
	return strings.ReplaceAll(name, "/", "·") // go test splits names at slashes
}

// matrix returns every exchange that the contract has.
func (c contract) matrix(t *testing.T) []cell {
	t.Helper()
	var cells []cell
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if method != http.MethodPost {
				t.Errorf("the contract has %s %s, and the wrapper sends POST alone", method, path)
			}
			for code, response := range op.Responses.Map() {
				status, err := strconv.Atoi(code)
				if err != nil {
					t.Errorf("%s: status %q is no number", path, code)
				}
				for requestType := range op.RequestBody.Value.Content {
					for responseType := range response.Value.Content {
						cells = append(cells, cell{path, op, wrapper.MediaType(requestType), wrapper.MediaType(responseType), status})
					}
				}
			}
		}
	}
	slices.SortFunc(cells, func(a, b cell) int { return strings.Compare(a.String(), b.String()) })
	return cells
}

// TestContractMatrix makes a real exchange between wrapper and emulator in every cell. In each, the request as sent and
// the response as received hold against the contract, and generated code and wrapper read the response alike.
func TestContractMatrix(t *testing.T) {
	c := loadContract(t)
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	x := record(t, e)
	cells, held := c.matrix(t), 0
	for _, cell := range cells {
		if t.Run(cell.String(), func(t *testing.T) {
			if err := e.SetFaults(emulator.Fault{Status: cell.status}); err != nil {
				t.Fatal(err)
			}
			cell.exchange(t, c, x)
		}) {
			held++
		}
	}
	t.Logf("matrix: %d of %d cells hold", held, len(cells))
}

func (c cell) exchange(t *testing.T, contract contract, x *exchanges) {
	op, ok := operationsOfWrapper[c.operation.OperationID]
	if !ok {
		t.Fatalf("there is no way of the wrapper to the operation %s", c.operation.OperationID)
	}
	x.requests, x.responses = nil, nil
	client := newClient(t, x.url, append([]wrapper.Option{
		wrapper.WithHTTPClient(x.client), wrapper.WithMediaType(c.requestType), wrapper.WithAccept(c.responseType),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}),
	}, op.opts...)...)
	before := time.Now()
	token, err := client.GenerateToken(t.Context())
	after := time.Now()

	if len(x.requests) != 1 || len(x.responses) != 1 {
		t.Fatalf("%d requests, %d responses; %v", len(x.requests), len(x.responses), err)
	}
	sent, got := x.requests[0], x.responses[0]
	contract.checkResponse(t, contract.checkRequest(t, sent), got)
	checkEqual(t, "path", sent.path, c.path)
	checkEqual(t, "Content-Type of the request", sent.header.Get("Content-Type"), string(c.requestType))
	checkEqual(t, "Accept", sent.header.Get("Accept"), string(c.responseType))
	checkEqual(t, "status", got.status, c.status)
	checkEqual(t, "Content-Type of the response", got.header.Get("Content-Type"), string(c.responseType))

	requestID, correlationID := sent.header.Get("ms-requestid"), sent.header.Get("ms-correlationid")
	switch body := generated(t, op.parse, got).(type) {
	case *gen.AccessToken:
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "access token", token.AccessToken, body.AccessToken)
		checkEqual(t, "token type", token.TokenType, "bearer")
		checkEqual(t, "token type to the generated client", body.TokenType, "bearer")
		checkEqual(t, "lifetime to the generated client", body.ExpiresIn, "3600")
		checkEqual(t, "request id", token.RequestID, requestID)
		checkEqual(t, "correlation id", token.CorrelationID, correlationID)
		if token.ExpiresAt.Before(before.Add(time.Hour)) || token.ExpiresAt.After(after.Add(time.Hour)) {
			t.Errorf("expires at %v, asked between %v and %v", token.ExpiresAt, before, after)
		}
	case *gen.Error:
		c.checkKind(t, err)
		if body.Code == "" || body.Description == "" {
			t.Errorf("the generated client read %v", body)
		}
		got := *asError(t, err)
		if want := (wrapper.Error{
			StatusCode: c.status, Code: body.Code, Description: body.Description, Source: "emulator",
			RequestID: requestID, CorrelationID: correlationID, Attempts: 1,
		}); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %#v\nwant %#v", got, want)
		}
	default:
		t.Errorf("the generated client read %T", body)
	}
}

// checkKind checks that a caller can tell the refusal by [errors.Is].
func (c cell) checkKind(t *testing.T, err error) {
	t.Helper()
	if kind, documented := kinds[c.status]; documented {
		wantKind(t, err, kind)
		return
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(sentinels)), func(kind error) bool { return errors.Is(err, kind) }) {
		t.Errorf("the wrapper has no kind for status %d: give it one in error.go, and list it in sentinels if it is new", c.status)
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
	if !field.IsValid() || field.IsNil() {
		t.Fatalf("the generated client has nothing for %d in %s", r.status, family)
	}
	return field.Interface()
}
