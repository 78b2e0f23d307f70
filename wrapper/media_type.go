package wrapper

import (
	"encoding/json"
	"encoding/xml"
	"slices"

	"github.com/oapi-codegen/runtime"

	"github.com/partnercenter-go/generatetoken/gen"
)

// MediaType is one of the media types that the endpoint documents for its bodies. The zero value is none of them.
// All five are taken in requests, all but [MediaTypeForm] are given in responses ("Authentication - Generate access
// token").
type MediaType string

// The documented media types.
const (
	MediaTypeJSON     MediaType = "application/json"                  // the default for responses
	MediaTypeTextJSON MediaType = "text/json"                         // JSON by another name
	MediaTypeXML      MediaType = "application/xml"                   // with elements named like the JSON members
	MediaTypeTextXML  MediaType = "text/xml"                          // XML by another name
	MediaTypeForm     MediaType = "application/x-www-form-urlencoded" // the default for requests, and for them alone
)

var responseTypes = []MediaType{MediaTypeJSON, MediaTypeTextJSON, MediaTypeXML, MediaTypeTextXML}

// oneOf returns an error that names the option if m is not one of allowed.
func (m MediaType) oneOf(option string, allowed []MediaType) error {
	return refuse(!slices.Contains(allowed, m), "%s(%q): no media type of the endpoint here; use one of %q", option, m, allowed)
}

// grant returns the request body, the same for every exchange, in the media type. No value in it can fail to be encoded.
func (m MediaType) grant() []byte {
	request := gen.TokenRequest{GrantType: gen.JwtToken}
	var body []byte
	switch m {
	case MediaTypeJSON, MediaTypeTextJSON:
		body, _ = json.Marshal(request)
	case MediaTypeXML, MediaTypeTextXML:
		body, _ = xml.Marshal(request)
	case MediaTypeForm:
		form, _ := runtime.MarshalForm(request, nil)
		body = []byte(form.Encode())
	}
	return body
}
