package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

const specFile = "../api/openapi.yaml"

// startPrism runs Prism on a free port of loopback until the test ends, and returns its URL.
func startPrism(t *testing.T, args ...string) string {
	t.Helper()
	return startForeign(t, "Prism is listening", func(host, port string) []string {
		return append([]string{"node_modules/.bin/prism"}, append(args, "--host", host, "--port", port)...)
	})
}

// client returns a client that tries once, so that what it gets is what the other side said first.
func client(t *testing.T, baseURL string, opts ...wrapper.Option) *wrapper.Client {
	t.Helper()
	c, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"), append([]wrapper.Option{
		wrapper.WithBaseURL(baseURL), wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// prefer adds the header by which Prism is told which of the contract's answers to give.
type prefer int

func (p prefer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Prefer", fmt.Sprintf("code=%d", p))
	return http.DefaultTransport.RoundTrip(r)
}

var operations = map[string][]wrapper.Option{
	"generateToken":       nil,
	"generateTokenLegacy": {wrapper.WithLegacyEndpoint()},
}

// refusals are the contract's statuses of failures, each with the code that its example has.
func refusals(t *testing.T) map[int]string {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[int]string{}
	for status, response := range contract.Paths.Value("/v3/generatetoken").Post.Responses.Map() {
		n, err := strconv.Atoi(status)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range response.Value.Content["application/json"].Examples {
			if n >= 400 {
				codes[n] = example.Value.Value.(map[string]any)["code"].(string)
			}
		}
	}
	return codes
}

// checkRefusal checks what the client made of a refusal, with an empty code for whichever.
func checkRefusal(t *testing.T, err error, status int, code, source string) {
	t.Helper()
	var e *wrapper.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.StatusCode != status {
		t.Errorf("status %d, want %d", e.StatusCode, status)
	}
	if e.Code == "" || code != "" && e.Code != code {
		t.Errorf("code %q, want %q", e.Code, code)
	}
	if e.Source != source {
		t.Errorf("source %q, want %q", e.Source, source)
	}
	if e.Description == "" || e.RequestID == "" || e.CorrelationID == "" {
		t.Errorf("something is missing: %#v", e)
	}
	if e.Attempts != 1 || e.Err != nil {
		t.Errorf("%d attempts, %v", e.Attempts, e.Err)
	}
}

// Prism reads a request's body as JSON or a form. Answers it makes in JSON and XML, but reads them as JSON alone. What it
// leaves out, the matrix in wrapper checks with kin-openapi.
var requestTypes = []wrapper.MediaType{wrapper.MediaTypeForm, wrapper.MediaTypeJSON}

func TestPrismMock_GivesTheClientEveryDocumentedAnswer(t *testing.T) {
	prism := startPrism(t, "mock", specFile)
	answers := judge{name: "Prism, mock"}
	for operation, opts := range operations {
		for _, requestType := range requestTypes {
			for _, accept := range []wrapper.MediaType{wrapper.MediaTypeJSON, wrapper.MediaTypeXML} {
				opts := append([]wrapper.Option{wrapper.WithMediaType(requestType), wrapper.WithAccept(accept)}, opts...)
				name := fmt.Sprintf("%s, %s to %s", operation, requestType, accept)
				answers.run(t, name+", 200", func(t *testing.T) {
					token, err := client(t, prism, opts...).GenerateToken(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					left := time.Until(token.ExpiresAt)
					if token.AccessToken != "synthetic-partner-center-access-token" || token.TokenType != "bearer" ||
						left < 59*time.Minute || left > time.Hour || token.RequestID == "" || token.CorrelationID == "" {
						t.Errorf("got %v", token)
					}
				})
				for status, code := range refusals(t) {
					answers.run(t, fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
						opts := append(opts, wrapper.WithHTTPClient(&http.Client{Transport: prefer(status)}))
						_, err := client(t, prism, opts...).GenerateToken(t.Context())
						checkRefusal(t, err, status, code, "example")
					})
				}
			}
		}
	}
	answers.report(t)
}

func TestPrismProxy_HasNoObjectionToTheEmulator(t *testing.T) {
	answers := judge{name: "Prism, proxy"}
	for _, status := range append(slices.Collect(maps.Keys(refusals(t))), http.StatusOK) {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			faults := slices.Repeat([]emulator.Fault{{Status: status}}, 4)
			server, err := emulator.Start(emulator.WithFaults(faults...))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			prism := startPrism(t, "proxy", specFile, server.URL, "--errors")
			for operation, opts := range operations {
				for _, requestType := range requestTypes {
					answers.run(t, fmt.Sprintf("%s, %s", operation, requestType), func(t *testing.T) {
						opts := append([]wrapper.Option{wrapper.WithMediaType(requestType)}, opts...)
						token, err := client(t, prism, opts...).GenerateToken(t.Context())
						if status != http.StatusOK {
							checkRefusal(t, err, status, "", "emulator")
						} else if err != nil || token.AccessToken == "" {
							t.Errorf("got %v, %v", token, err)
						}
					})
				}
			}
			if got := len(server.Requests()); got != 4 {
				t.Errorf("%d requests went through Prism to the emulator, want 4", got)
			}
		})
	}
	answers.report(t)
}

// TestPrismProxy_ObjectsToABrokenAnswer shows that the test before this one can fail.
func TestPrismProxy_ObjectsToABrokenAnswer(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"description":"there is no code"}`)
	}))
	defer broken.Close()
	_, err := client(t, startPrism(t, "proxy", specFile, broken.URL, "--errors")).GenerateToken(t.Context())
	var e *wrapper.Error
	if !errors.As(err, &e) || e.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %v", err)
	}
}
