package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/partnercenter-go/generatetoken/api"
)

// The facts below are written from the documentation, page by page, and not read from the contract: they are what the
// contract is held to. The pages are named as in the contract's own description.

// mend is what a failure of these tests asks for.
const mend = "; if the documentation changed, change api/openapi.yaml and these facts, then run 'make generate' and 'make test'"

// operations are the documented operations, by path. Both are POST and all that the service has at these paths.
var operations = map[string]struct {
	id         string // Go's name for it; the documentation has none
	deprecated bool
	page       string
}{
	"/v3/generatetoken": {"generateToken", false, "P2, P4"},
	"/generatetoken":    {"generateTokenLegacy", true, "P1, P3"},
}

// servers are the base URLs of the service: global (P1) and operated by 21Vianet (P4).
var servers = []string{
	"https://api.partnercenter.microsoft.com",
	"https://partner.partnercenterapi.microsoftonline.cn",
}

// requestMediaTypes and responseMediaTypes are of every body (P1, P2).
var (
	requestMediaTypes = []string{
		"application/json", "application/x-www-form-urlencoded", "application/xml", "text/json", "text/xml",
	}
	responseMediaTypes = []string{"application/json", "application/xml", "text/json", "text/xml"}
)

// statuses are the documented ones with the schema of their bodies, and words that carry their meaning (P1, P2).
var statuses = map[string]struct {
	schema  string
	meaning []string
}{
	"200": {"AccessToken", []string{"succeeded"}},
	"400": {"Error", []string{"missing", "invalid"}},
	"401": {"Error", []string{"not authenticated"}},
	"403": {"Error", []string{"authenticated", "lacks the rights"}},
	"404": {"Error", []string{"not available", "input"}},
	"500": {"Error", []string{"failed", "caller can retry"}},
}

// requestHeaders are the header parameters: GUIDs (P5), neither of them required (P1).
var requestHeaders = []string{"ms-correlationid", "ms-requestid"}

// responseHeaders come with every answer (P5). They are declared as plain strings, since an answer with another value
// is still an answer.
var responseHeaders = []string{"MS-CorrelationId", "MS-RequestId"}

// schemas are the documented bodies. Those of TokenRequest are from P1 and of Error from P6; those of AccessToken are
// what clients read in practice, for no page has them.
var schemas = map[string]struct {
	required   []string
	properties map[string]string // name to type; oneOf is written as the types joined by |
}{
	"TokenRequest": {[]string{"grant_type"}, map[string]string{"grant_type": "string"}},
	"AccessToken": {[]string{"access_token"}, map[string]string{
		"access_token": "string", "token_type": "string", "expires_in": "integer|string",
	}},
	"Error": {[]string{"code", "description", "source"}, map[string]string{
		"code": "string", "description": "string", "data": "array", "source": "string",
	}},
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// same checks that the contract has just these names.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: the contract has %q, the documentation %q"+mend, what, got, want)
	}
}

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

func TestContractHasTheDocumentedServers(t *testing.T) {
	var got []string
	for _, server := range load(t).Servers {
		got = append(got, server.URL)
		if len(server.Variables) > 0 || server.Description == "" {
			t.Errorf("server %s has variables or no description"+mend, server.URL)
		}
	}
	same(t, "servers", got, servers)
	if len(got) > 0 && got[0] != servers[0] {
		t.Errorf("the first server, which tools take for the default, is %s"+mend, got[0])
	}
}

func TestContractHasTheDocumentedOperations(t *testing.T) {
	doc := load(t)
	same(t, "paths", doc.Paths.InMatchingOrder(), keys(operations))
	for path, want := range operations {
		item := doc.Paths.Value(path)
		if item == nil {
			continue // reported above
		}
		same(t, path+": methods", keys(item.Operations()), []string{"POST"})
		op := item.Post
		if op == nil {
			continue
		}
		if op.Deprecated != want.deprecated {
			t.Errorf("%s: deprecated is %t (%s)"+mend, path, op.Deprecated, want.page)
		}
		if _, reason := op.Extensions["x-deprecated-reason"]; reason != want.deprecated {
			t.Errorf("%s: x-deprecated-reason is there: %t, and should be: %t"+mend, path, reason, want.deprecated)
		}
		if op.OperationID != want.id {
			t.Errorf("%s: operationId is %q, which the Go API is named after"+mend, path, op.OperationID)
		}
		if len(item.Parameters) > 0 {
			t.Errorf("%s: the path has parameters of its own"+mend, path)
		}
	}
}

// eachOperation runs a test for every operation that the contract has.
func eachOperation(t *testing.T, test func(t *testing.T, doc *openapi3.T, op *openapi3.Operation)) {
	t.Helper()
	doc := load(t)
	for path := range operations {
		t.Run(path, func(t *testing.T) {
			item := doc.Paths.Value(path)
			if item == nil || item.Post == nil {
				t.Fatalf("there is no POST %s"+mend, path)
			}
			test(t, doc, item.Post)
		})
	}
}

func TestContractAsksForABearer(t *testing.T) {
	eachOperation(t, func(t *testing.T, doc *openapi3.T, op *openapi3.Operation) {
		security := doc.Security
		if op.Security != nil {
			security = *op.Security
		}
		if len(security) != 1 || len(security[0]) != 1 {
			t.Fatalf("the security requirements are %v, want one bearer (P1, P2)"+mend, security)
		}
		for name := range security[0] {
			scheme := doc.Components.SecuritySchemes[name]
			if scheme == nil || scheme.Value.Type != "http" || scheme.Value.Scheme != "bearer" {
				t.Errorf("the security scheme %s is not an HTTP bearer (P1, P2)"+mend, name)
			}
		}
	})
}

func TestContractHasTheDocumentedRequestHeaders(t *testing.T) {
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op *openapi3.Operation) {
		var got []string
		for _, ref := range op.Parameters {
			p := ref.Value
			got = append(got, p.Name)
			if p.In != "header" || p.Required {
				t.Errorf("%s is in %s and required: %t, want an optional header (P1)"+mend, p.Name, p.In, p.Required)
			}
			if !p.Schema.Value.Type.Is("string") || p.Schema.Value.Format != "uuid" {
				t.Errorf("%s is %v in format %q, want a GUID (P5)"+mend, p.Name, p.Schema.Value.Type, p.Schema.Value.Format)
			}
		}
		same(t, "header parameters", got, requestHeaders)
	})
}

func TestContractHasTheDocumentedRequestBody(t *testing.T) {
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op *openapi3.Operation) {
		if op.RequestBody == nil || !op.RequestBody.Value.Required {
			t.Fatal("the request's body is not required" + mend)
		}
		content := op.RequestBody.Value.Content
		same(t, "request media types", keys(content), requestMediaTypes)
		for name, mediaType := range content {
			if mediaType.Schema == nil || mediaType.Schema.Ref != "#/components/schemas/TokenRequest" {
				t.Errorf("%s is no TokenRequest (P1)"+mend, name)
			}
		}
	})
}

func TestContractHasTheDocumentedResponses(t *testing.T) {
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op *openapi3.Operation) {
		same(t, "statuses", keys(op.Responses.Map()), keys(statuses))
		for status, want := range statuses {
			ref := op.Responses.Value(status)
			if ref == nil {
				continue // reported above
			}
			response := ref.Value
			for _, word := range want.meaning {
				if response.Description == nil || !strings.Contains(*response.Description, word) {
					t.Errorf("%s: the description does not say %q (P1, P2)"+mend, status, word)
				}
			}
			same(t, status+": headers", keys(response.Headers), responseHeaders)
			for name, header := range response.Headers {
				if header.Value.Required || !header.Value.Schema.Value.Type.Is("string") || header.Value.Schema.Value.Format != "" {
					t.Errorf("%s: %s is not an optional plain string (P5)"+mend, status, name)
				}
			}
			same(t, status+": media types", keys(response.Content), responseMediaTypes)
			for name, mediaType := range response.Content {
				if mediaType.Schema == nil || mediaType.Schema.Ref != "#/components/schemas/"+want.schema {
					t.Errorf("%s: %s is no %s"+mend, status, name, want.schema)
				}
			}
		}
	})
}

func TestContractHasTheDocumentedSchemas(t *testing.T) {
	doc := load(t)
	same(t, "schemas", keys(doc.Components.Schemas), keys(schemas))
	for name, want := range schemas {
		ref := doc.Components.Schemas[name]
		if ref == nil {
			continue // reported above
		}
		schema := ref.Value
		if !schema.Type.Is("object") || schema.AdditionalProperties.Has != nil || schema.AdditionalProperties.Schema != nil {
			t.Errorf("%s is not an object that may have further members"+mend, name)
		}
		same(t, name+": required", schema.Required, want.required)
		got := map[string]string{}
		for property, ref := range schema.Properties {
			got[property] = typeOf(ref.Value)
		}
		if !maps.Equal(got, want.properties) {
			t.Errorf("%s: the contract has the properties %v, the documentation %v"+mend, name, got, want.properties)
		}
	}
}

func typeOf(schema *openapi3.Schema) string {
	if len(schema.OneOf) == 0 {
		return strings.Join(schema.Type.Slice(), "|")
	}
	var types []string
	for _, ref := range schema.OneOf {
		types = append(types, typeOf(ref.Value))
	}
	return strings.Join(types, "|")
}

func TestContractHasTheDocumentedBoundsOfValues(t *testing.T) {
	doc := load(t)
	property := func(schema, name string) *openapi3.Schema {
		ref := doc.Components.Schemas[schema]
		if ref == nil || ref.Value.Properties[name] == nil {
			t.Fatalf("%s has no %s"+mend, schema, name)
		}
		return ref.Value.Properties[name].Value
	}
	if enum := property("TokenRequest", "grant_type").Enum; len(enum) != 1 || enum[0] != "jwt_token" {
		t.Errorf("grant_type is one of %v, want jwt_token alone (P1)"+mend, enum)
	}
	if most := property("Error", "description").MaxLength; most == nil || *most != 1024 {
		t.Errorf("description is at most %v characters, want 1024 (P6)"+mend, most)
	}
	expiresIn := property("AccessToken", "expires_in")
	for value, want := range map[any]bool{3600.0: true, "3600": true, "": false, "an hour": false, 1.5: false, true: false} {
		if err := expiresIn.VisitJSON(value); (err == nil) != want {
			t.Errorf("expires_in %#v: %v; want a number or a string of digits"+mend, value, err)
		}
	}
}

func TestContractNamesItsSources(t *testing.T) {
	doc := load(t)
	for _, title := range []string{
		"Authentication - Generate access token", "Authentication - Generate access token legacy (Deprecating)",
		"Deprecate Azure AD graph token", "Partner Center REST headers", "Partner Center REST error codes",
	} {
		if !strings.Contains(doc.Info.Description, title) {
			t.Errorf("the description does not name %q", title)
		}
	}
	if doc.Info.License == nil || doc.Info.Contact == nil || doc.Info.Contact.URL == "" || doc.ExternalDocs == nil {
		t.Error("licence, contact or externalDocs is missing")
	}
	// Every description of a fact names a page or says that there is none.
	check := func(where, description string) {
		if !strings.Contains(description, "(P") && !strings.Contains(description, "do not") {
			t.Errorf("%s: %q names no page", where, description)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			check(method+" "+path, op.Description)
		}
	}
	for name, ref := range doc.Components.Parameters {
		check("parameter "+name, ref.Value.Description)
	}
	for name, ref := range doc.Components.Responses {
		check("response "+name, *ref.Value.Description)
	}
	for name, ref := range doc.Components.Schemas {
		check("schema "+name, ref.Value.Description)
		for property, ref := range ref.Value.Properties {
			check(name+"."+property, ref.Value.Description)
		}
	}
}
