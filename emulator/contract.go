package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/elnormous/contenttype"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/partnercenter-go/generatetoken/api"
)

// contract is what requests and answers are checked against, and what the emulator serves as /openapi.yaml.
type contract struct {
	*openapi3.T
	yaml []byte
}

// loadContract parses the contract once a process: a test may start hundreds of emulators. Nobody writes to it.
var loadContract = sync.OnceValues(func() (*contract, error) {
	registerDecoders()
	document, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("emulator: reading the contract: %w", err)
	}
	served, err := withOwnServer(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("emulator: naming itself in the contract: %w", err)
	}
	return &contract{document, served}, nil
})

// withOwnServer returns the contract with the emulator as its only server, comments and order kept.
func withOwnServer(spec []byte) ([]byte, error) {
	var document, servers yaml.Node
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return nil, err
	}
	if err := servers.Encode([]map[string]string{{"url": "/", "description": "This emulator."}}); err != nil {
		return nil, err
	}
	root := document.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == "servers" {
			*root.Content[i+1] = servers
		}
	}
	return yaml.Marshal(&document)
}

// match is what the contract has for a request.
type match struct {
	*routers.Route        // without PathItem or Operation where there is none
	mediaType      string // of the answer; JSON where the request accepts none that there is
	acceptable     bool
}

// match routes a request and negotiates the media type. The paths have no parameters, and the contract's servers are
// not where the emulator listens, so a lookup is enough.
func (c *contract) match(r *http.Request) match {
	m := match{
		Route:     &routers.Route{Spec: c.T, Path: r.URL.Path, Method: r.Method, PathItem: c.Paths.Value(r.URL.Path)},
		mediaType: "application/json",
	}
	if m.PathItem == nil {
		return m
	}
	if m.Operation = m.PathItem.Operations()[r.Method]; m.Operation == nil {
		return m
	}
	var available []contenttype.MediaType
	for _, name := range m.offered() {
		available = append(available, contenttype.NewMediaType(name))
	}
	if agreed, _, err := contenttype.GetAcceptableMediaType(r, available); err == nil {
		m.mediaType, m.acceptable = agreed.MIME(), true
	}
	return m
}

// offered returns the media types of the answers. JSON sorts first, so a request that accepts several gets it.
func (m match) offered() []string {
	return slices.Sorted(maps.Keys(m.Operation.Responses.Status(http.StatusOK).Value.Content))
}

func (m match) input(r *http.Request) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{Request: r, Route: m.Route, Options: validation}
}

// checkRequest reports what of a request breaks the contract.
func (m match) checkRequest(r *http.Request, body []byte) error {
	r.Body = io.NopCloser(bytes.NewReader(body))
	return openapi3filter.ValidateRequest(r.Context(), m.input(r))
}

// checkAnswer reports what of an answer breaks the contract. Statuses that it does not have pass: 406, or a fault's 429.
func (m match) checkAnswer(r *http.Request, status int, header http.Header, body []byte) error {
	if m.Operation == nil {
		return nil
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: m.input(r), Options: validation,
		Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
	})
}

const noBearer = `the request has no bearer: Authorization has to be "Bearer" and a token`

// validation is how kin-openapi checks requests and answers.
var validation = func() *openapi3filter.Options {
	options := &openapi3filter.Options{
		AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
			if bearer(in.RequestValidationInput.Request) == "" {
				return errors.New(noBearer)
			}
			return nil
		},
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			// The library has no format uuid of its own.
			openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(uuid.Validate)),
		},
	}
	// Its own message spans many lines and repeats the schema.
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return fmt.Sprintf("at %q: %s", "/"+strings.Join(err.JSONPointer(), "/"), err.Reason)
	})
	return options
}()

func encode(mediaType string, body any) ([]byte, error) {
	if strings.HasSuffix(mediaType, "xml") {
		return xml.Marshal(body)
	}
	return json.Marshal(body)
}

// registerDecoders teaches kin-openapi the documented media types that it cannot decode. The registry belongs to the
// whole program, so a decoder that somebody else registered stays.
func registerDecoders() {
	for mediaType, decoder := range map[string]openapi3filter.BodyDecoder{
		"text/json":       openapi3filter.JSONBodyDecoder,
		"application/xml": decodeXML,
		"text/xml":        decodeXML,
	} {
		if openapi3filter.RegisteredBodyDecoder(mediaType) == nil {
			openapi3filter.RegisterBodyDecoder(mediaType, decoder)
		}
	}
}

// decodeXML decodes the root's children to the members of an object. It goes by local names, for neither the names nor a
// namespace is documented. All values are strings, as XML has no other.
func decodeXML(
	body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn,
) (any, error) {
	var root struct {
		Children []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.NewDecoder(body).Decode(&root); err != nil {
		return nil, &openapi3filter.ParseError{Kind: openapi3filter.KindInvalidFormat, Cause: err}
	}
	object := map[string]any{}
	for _, child := range root.Children {
		object[child.XMLName.Local] = child.Text
	}
	return object, nil
}
