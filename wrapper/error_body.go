package wrapper

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
)

// decode fills in what the body of a failed answer says, whatever it is: the documented error, in JSON or XML, the
// {"statusCode", "message"} of a gateway ("API throttling guidance"), or something else, of which the beginning is
// kept as the description. It goes by the body itself: a gateway's Content-Type is as often wrong as right.
func (e *Error) decode(body []byte) {
	body = bytes.TrimLeft(body, "\ufeff \t\r\n")
	switch {
	case bytes.HasPrefix(body, []byte("{")):
		e.decodeJSON(body)
	case bytes.HasPrefix(body, []byte("<")):
		e.decodeXML(body)
	}
	switch {
	case e.Code != "" || e.Description != "":
	case bytes.Contains(body, []byte("access_token")):
		e.Description = "the body may hold a token and is not shown"
	default:
		e.Description = clip(oneLine(string(body)), 200)
	}
}

// decodeJSON takes what it can: a member of another type than documented leaves its field empty and no other.
func (e *Error) decodeJSON(body []byte) {
	var documented struct {
		Code                         any // a string by the documentation, a number as well in practice
		Description, Source, Message string
		Data                         []any
	}
	_ = json.Unmarshal(body, &documented)
	if documented.Code != nil {
		e.Code = fmt.Sprint(documented.Code)
	}
	e.Description, e.Source, e.Data = documented.Description, documented.Source, documented.Data
	if e.Description == "" {
		e.Description = documented.Message
	}
}

// decodeXML matches elements by local name alone: neither the names nor a namespace is documented.
func (e *Error) decodeXML(body []byte) {
	var documented struct {
		Code        string   `xml:"code"`
		Description string   `xml:"description"`
		Source      string   `xml:"source"`
		Data        []string `xml:"data"`
	}
	_ = xml.Unmarshal(body, &documented)
	e.Code, e.Description, e.Source = documented.Code, documented.Description, documented.Source
	for _, text := range documented.Data {
		e.Data = append(e.Data, text)
	}
}

// withoutSecret removes a secret from what a server said. Shorter ones than any real token has are left alone: they
// would match by chance.
func withoutSecret(body []byte, secret string) []byte {
	if len(secret) < 8 {
		return body
	}
	return bytes.ReplaceAll(body, []byte(secret), []byte(redacted))
}
