package emulator

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

func encode(mediaType string, body any) ([]byte, error) {
	if strings.HasSuffix(mediaType, "xml") {
		return xml.Marshal(body)
	}
	return json.Marshal(body)
}

// registerDecoders teaches kin-openapi the documented media types that it cannot read by itself. Its registry belongs
// to the whole program, so a decoder that somebody else has registered is left in place.
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

// decodeXML reads the object that an XML body stands for: a member for each child of the root, by its local name, since
// neither the names nor a namespace is documented. All values are strings, as XML has no other.
func decodeXML(
	body io.Reader, _ http.Header, schema *openapi3.SchemaRef, _ openapi3filter.EncodingFn,
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
		name := child.XMLName.Local
		if property := schema.Value.Properties[name]; property != nil && property.Value.Type.Is("array") {
			elements, _ := object[name].([]any)
			object[name] = append(elements, child.Text)
			continue
		}
		object[name] = child.Text
	}
	return object, nil
}
