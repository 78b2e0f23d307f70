package emulator

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// masked stands for what may be a secret. Only what is known to be harmless is kept.
const masked = "REDACTED"

// harmlessHeaders are the headers whose values are kept.
var harmlessHeaders = set("Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Client-Request-Id",
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Expect", "Idempotency-Key", "Ms-Correlationid",
	"Ms-Partnercenter-Application", "Ms-Requestid", "Origin", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site",
	"Traceparent", "Transfer-Encoding", "User-Agent", "Validatemfa")

// harmlessMembers are the members of a form, a JSON or an XML body whose values are kept.
var harmlessMembers = set("grant_type", "scope", "client_id", "resource")

// memberName is a name that can be no secret: tokens have digits, or are longer.
var memberName = regexp.MustCompile(`^[A-Za-z_-]{1,40}$`)

func set(names ...string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// maskHeader returns a copy of a header without its secrets.
func maskHeader(header http.Header) http.Header {
	header = header.Clone()
	for name, values := range header {
		for i, value := range values {
			switch scheme, _, found := strings.Cut(value, " "); {
			case harmlessHeaders[name]:
			case name == "Authorization" && found && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic")):
				values[i] = scheme + " " + masked
			default:
				values[i] = masked
			}
		}
	}
	return header
}

// maskBody returns a body without its secrets, or only the mask where the body is not what its Content-Type says.
func maskBody(contentType string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	var text string
	err := errors.New("unknown media type")
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		text, err = maskForm(string(body))
	case strings.HasSuffix(mediaType, "json"):
		text, err = maskJSON(body)
	case strings.HasSuffix(mediaType, "xml"):
		text, err = maskXML(body)
	}
	if err != nil {
		return masked
	}
	return text
}

func maskName(name string) string {
	if !memberName.MatchString(name) {
		return masked
	}
	return name
}

func maskForm(body string) (string, error) {
	pairs := strings.Split(body, "&")
	for i, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			pairs[i] = masked
			continue
		}
		plain, err := url.QueryUnescape(name)
		if err != nil {
			return "", err
		}
		if !harmlessMembers[plain] {
			value = masked
		}
		pairs[i] = url.QueryEscape(maskName(plain)) + "=" + value
	}
	return strings.Join(pairs, "&"), nil
}

func maskJSON(body []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("there is something after the value")
	}
	text, err := json.Marshal(maskValue("", value))
	return string(text), err
}

// maskValue masks the value of a member, and the values of an array as it would the array's member.
func maskValue(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			object[maskName(name)] = maskValue(name, member)
		}
		return object
	case []any:
		for i := range value {
			value[i] = maskValue(name, value[i])
		}
		return value
	}
	if harmlessMembers[name] || value == nil {
		return value
	}
	return masked
}

// maskXML keeps elements and drops what else XML can carry: attributes, comments, instructions.
func maskXML(body []byte) (string, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var text bytes.Buffer
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return text.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			text.WriteString("<" + maskName(token.Name.Local) + ">")
		case xml.EndElement:
			open = open[:len(open)-1]
			text.WriteString("</" + maskName(token.Name.Local) + ">")
		case xml.CharData:
			switch {
			case len(bytes.TrimSpace(token)) == 0:
			case len(open) > 0 && harmlessMembers[open[len(open)-1]]:
				_ = xml.EscapeText(&text, token) // a Buffer takes everything
			default:
				text.WriteString(masked)
			}
		}
	}
}
