package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// libopenapi-validator judges every exchange that the contract has, in its strict mode, in which it objects to members and
// headers that the contract does not name. In XML it looks for the root that the schema's xml.name names: an assumption of
// the contract. Its limit: it lets an empty body pass.

func newValidator(t *testing.T) (*v3.Document, validator.Validator) {
	t.Helper()
	document, err := libopenapi.NewDocument(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document, config.WithStrictMode(), config.WithXmlBodyValidation(),
		config.WithURLEncodedBodyValidation(), config.WithRejectUnsupportedBodyContent(), config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return &model.Model, v
}

// taped keeps the last exchange that goes through it.
type taped struct {
	request  *http.Request
	sent     []byte
	response *http.Response
	got      []byte
}

func (x *taped) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	if x.sent, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	x.request = r.Clone(r.Context())
	maps.DeleteFunc(x.request.Header, func(_ string, values []string) bool { return len(values) == 0 }) // never sent
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.sent))
	if x.response, err = http.DefaultTransport.RoundTrip(r); err != nil {
		return nil, err
	}
	defer x.response.Body.Close()
	if x.got, err = io.ReadAll(x.response.Body); err != nil {
		return nil, err
	}
	answer := *x.response
	answer.Body = io.NopCloser(bytes.NewReader(x.got))
	return &answer, nil
}

func (x *taped) objections(v validator.Validator) []string {
	x.request.Body, x.response.Body = io.NopCloser(bytes.NewReader(x.sent)), io.NopCloser(bytes.NewReader(x.got))
	var all []string
	_, errs := v.ValidateHttpRequestResponse(x.request, x.response)
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

func TestLibopenapiValidator_HoldsInEveryCell(t *testing.T) {
	contract, v := newValidator(t)
	if ok, errs := v.ValidateDocument(); !ok {
		t.Errorf("the document: %v", errs)
	}
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cells := judge{name: "libopenapi-validator, cells"}
	for path, item := range contract.Paths.PathItems.FromOldest() {
		for requestType := range item.Post.RequestBody.Content.KeysFromOldest() {
			for code, response := range item.Post.Responses.Codes.FromOldest() {
				for responseType := range response.Content.KeysFromOldest() {
					name := strings.ReplaceAll(fmt.Sprintf("%s, %s to %s, %s", path, requestType, responseType, code), "/", "·")
					cells.run(t, name, func(t *testing.T) {
						status, err := strconv.Atoi(code)
						if err != nil {
							t.Fatal(err)
						}
						if err := server.SetFaults(emulator.Fault{Status: status}); err != nil {
							t.Fatal(err)
						}
						var x taped
						opts := append(slices.Clone(operations[item.Post.OperationId]),
							wrapper.WithHTTPClient(&http.Client{Transport: &x}),
							wrapper.WithMediaType(wrapper.MediaType(requestType)), wrapper.WithAccept(wrapper.MediaType(responseType)))
						_, _ = client(t, server.URL, opts...).GenerateToken(t.Context())
						if x.response == nil || x.response.StatusCode != status || x.request.URL.Path != path {
							t.Fatalf("the exchange was another: %v, %v", x.request, x.response)
						}
						for _, objection := range x.objections(v) {
							t.Error(objection)
						}
					})
				}
			}
		}
	}
	cells.report(t)
}

// TestLibopenapiValidator_ObjectsToBrokenAnswers shows what the judge is worth: what it objects to, and what it lets pass.
func TestLibopenapiValidator_ObjectsToBrokenAnswers(t *testing.T) {
	_, v := newValidator(t)
	const (
		aToken = `{"access_token":"one","token_type":"bearer","expires_in":3600}`
		xml    = "application/xml"
	)
	broken := judge{name: "libopenapi-validator, broken answers"}
	for _, test := range []struct {
		name, mediaType string
		status          int
		header, body    string
		passes          bool // which is the judge's limit
	}{
		{"no token", "application/json", 200, "", `{"token_type":"bearer"}`, false},
		{"a number for the token", "application/json", 200, "", `{"access_token":1}`, false},
		{"a lifetime in words", "application/json", 200, "", `{"access_token":"one","expires_in":"an hour"}`, false},
		{"a member of no schema", "application/json", 200, "", `{"access_token":"one","refresh_token":"two"}`, false},
		{"no JSON", "application/json", 200, "", `<html>`, false},
		{"nothing", "application/json", 200, "", ``, true},
		{"a header of no name", "application/json", 200, "X-Served-By", aToken, false},
		{"another status", "application/json", 418, "", `{"code":"1","description":"no","source":"test"}`, false},
		{"another media type", "text/html", 403, "", `<html>`, false},
		{"no code", "application/json", 403, "", `{"description":"no","source":"test"}`, false},
		{"a number for the code", "application/json", 403, "", `{"code":2032,"description":"no","source":"test"}`, false},
		{"an empty description", "application/json", 403, "", `{"code":"1","description":"","source":"test"}`, false},
		{"no token in XML", xml, 200, "", `<AccessToken><token_type>bearer</token_type></AccessToken>`, false},
		{"a lifetime in words in XML", xml, 200, "", `<AccessToken><access_token>one</access_token><expires_in>long</expires_in></AccessToken>`, false},
		{"another root in XML", xml, 200, "", `<Token><access_token>one</access_token></Token>`, false},
		{"no source in XML", xml, 403, "", `<Error><code>1</code><description>no</description></Error>`, false},
		{"no XML", xml, 403, "", `{"code":"1","description":"no","source":"test"}`, false},
		{"a member of no schema in XML", xml, 403, "", `<Error><code>1</code><description>no</description><source>test</source><more>1</more></Error>`, false},
		{"a namespace in XML", xml, 403, "", `<Error xmlns="urn:other"><code>1</code><description>no</description><source>test</source></Error>`, false},
	} {
		broken.run(t, test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.mediaType)
				if test.header != "" {
					w.Header().Set(test.header, "any")
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			var x taped
			_, _ = client(t, server.URL, wrapper.WithHTTPClient(&http.Client{Transport: &x})).GenerateToken(t.Context())
			if objections := x.objections(v); (len(objections) == 0) != test.passes {
				t.Errorf("the judge objects: %q", objections)
			}
		})
	}
	broken.report(t)
}
