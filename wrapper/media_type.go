package wrapper

import (
	"encoding/json"
	"encoding/xml"
	"fmt"

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

// encodeGrant returns the request body, the same for every exchange, in the given media type.
func encodeGrant(mediaType MediaType) ([]byte, error) {
	grant := gen.TokenRequest{GrantType: gen.JwtToken}
	switch mediaType {
	case MediaTypeJSON, MediaTypeTextJSON:
		return json.Marshal(grant)
	case MediaTypeXML, MediaTypeTextXML:
		return xml.Marshal(grant)
	case MediaTypeForm:
		form, err := runtime.MarshalForm(grant, nil)
		return []byte(form.Encode()), err
	default:
		return nil, fmt.Errorf("no media type of the endpoint's requests; use one of %q",
			[]MediaType{MediaTypeForm, MediaTypeJSON, MediaTypeTextJSON, MediaTypeXML, MediaTypeTextXML})
	}
}
