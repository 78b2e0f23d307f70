package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// unknown answers a question that the documentation leaves open, with how many answers of the service said so.
type unknown struct {
	Question string         `json:"question"`
	Answers  map[string]int `json:"answers"`
}

// The questions, and what an answer says to each, with "" for nothing. Several things that it says are a line each.
var questions = []struct {
	question string
	of       func(c *conformance, one *cell) string
}{
	{"XML elements of a token", func(_ *conformance, one *cell) string { return one.xmlNames(http.StatusOK) }},
	{"XML elements of an error", func(_ *conformance, one *cell) string { return one.xmlNames(0) }},
	{"type of expires_in in JSON", func(_ *conformance, one *cell) string { return one.typeOf("expires_in", http.StatusOK) }},
	{"type of code in JSON", func(_ *conformance, one *cell) string { return one.typeOf("code", 0) }},
	{"type of data in JSON", func(_ *conformance, one *cell) string { return one.typeOf("data", 0) }},
	{"code of an error, by status", func(_ *conformance, one *cell) string { return one.code() }},
	{"members of a token in JSON", func(_ *conformance, one *cell) string { return one.members(http.StatusOK) }},
	{"members of an error in JSON", func(_ *conformance, one *cell) string { return one.members(0) }},
	{"headers of an answer", func(_ *conformance, one *cell) string {
		return strings.Join(slices.Sorted(maps.Keys(one.answer.Header)), "\n")
	}},
	{"ids of an answer", func(_ *conformance, one *cell) string { return one.ids() }},
	{"a request id once more", (*conformance).sameID},
	{"ValidateMfa: true", func(_ *conformance, one *cell) string {
		if one.Purpose != purposeMFA {
			return ""
		}
		switch compliant := one.answer.Header.Get("isMfaCompliant"); strings.ToLower(compliant) {
		case "":
			return "no header isMfaCompliant"
		case "true", "false":
			return "isMfaCompliant: " + strings.ToLower(compliant)
		default:
			return "isMfaCompliant has another value"
		}
	}},
}

func (c *conformance) unknowns() []unknown {
	var all []unknown
	for _, q := range questions {
		u := unknown{q.question, map[string]int{}}
		for _, one := range c.cells {
			if one.answer == nil {
				continue
			}
			for answer := range strings.Lines(q.of(c, one)) {
				u.Answers[c.shown(answer)]++
			}
		}
		all = append(all, u)
	}
	return all
}

// is reports whether the answer has a status, or with 0 any but 200.
func (one *cell) is(status int) bool {
	return one.status() == status || status == 0 && one.status() != http.StatusOK
}

// object is the body as a JSON object, or nil if it is none.
func (one *cell) object(status int) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if one.is(status) && strings.Contains(one.answer.Header.Get("Content-Type"), "json") {
		_ = json.Unmarshal(one.body, &object) // what is no object, judge has found
	}
	return object
}

func (one *cell) typeOf(member string, status int) string {
	object := one.object(status)
	if object == nil {
		return ""
	}
	switch value := bytes.TrimSpace(object[member]); {
	case len(value) == 0:
		return "missing"
	case value[0] == '"':
		return "string"
	case value[0] == '{':
		return "object"
	case value[0] == '[':
		return "array"
	case value[0] == 't', value[0] == 'f':
		return "boolean"
	case value[0] == 'n':
		return "null"
	default:
		return "number"
	}
}

func (one *cell) members(status int) string {
	return strings.Join(slices.Sorted(maps.Keys(one.object(status))), ", ")
}

// code is an error's, of which no documentation is complete.
func (one *cell) code() string {
	var code any
	if raw := one.object(0)["code"]; raw == nil || json.Unmarshal(raw, &code) != nil {
		return ""
	}
	text := fmt.Sprint(code)
	if len(text) > 16 {
		return fmt.Sprintf("%d: one of %d characters", one.status(), len(text))
	}
	return fmt.Sprintf("%d: %s", one.status(), text)
}

// xmlNames are the root's name, its namespace and the names of the elements within.
func (one *cell) xmlNames(status int) string {
	if !one.is(status) || !strings.Contains(one.answer.Header.Get("Content-Type"), "xml") {
		return ""
	}
	var root struct {
		XMLName  xml.Name
		Children []struct{ XMLName xml.Name } `xml:",any"`
	}
	if xml.Unmarshal(one.body, &root) != nil {
		return "no XML"
	}
	var names []string
	for _, child := range root.Children {
		names = append(names, child.XMLName.Local)
	}
	space := "no namespace"
	if root.XMLName.Space != "" {
		space = "namespace " + root.XMLName.Space
	}
	return fmt.Sprintf("%s (%s), %s", root.XMLName.Local, strings.Join(names, ", "), space)
}

// ids says whether an answer has the ids of its request, or ids at all where the request had none.
func (one *cell) ids() string {
	requestID, correlationID := one.answer.Header.Get("MS-RequestId"), one.answer.Header.Get("MS-CorrelationId")
	switch {
	case one.Purpose == purposeNoIDs && requestID != "" && correlationID != "":
		return "the service's own, where the request has none"
	case one.Purpose == purposeNoIDs:
		return "not both, where the request has none"
	case strings.EqualFold(requestID, one.requestID.String()) && strings.EqualFold(correlationID, one.correlationID.String()):
		return "the request's"
	}
	return "not the request's"
}

// sameID says what a request id brought that had brought a token before.
func (c *conformance) sameID(one *cell) string {
	if one.Purpose != purposeSameID {
		return ""
	}
	before := c.cells[slices.Index(c.cells, one)-1]
	switch first, second := token(before), token(one); {
	case one.status() != http.StatusOK:
		return fmt.Sprintf("status %d", one.status())
	case first == "" || second == "":
		return "no token to compare"
	case first == second:
		return "the same token"
	}
	return "another token"
}

// token finds the access token in an answer, however else it is broken.
func token(one *cell) string {
	var text string
	if raw := one.object(http.StatusOK)["access_token"]; raw != nil && json.Unmarshal(raw, &text) == nil {
		return text
	}
	var body struct {
		AccessToken string `xml:"access_token"`
	}
	_ = xml.Unmarshal(one.body, &body)
	return body.AccessToken
}

// keepSecrets remembers the token of an answer as what must not be shown.
func (c *conformance) keepSecrets(one *cell) {
	if secret := token(one); secret != "" {
		c.secrets = append(c.secrets, secret)
	}
}

// shown returns a text that has words of the service in it as it can be shown: on one line, without secrets, and without
// words that are a part of one.
func (c *conformance) shown(text string) string {
	return words.ReplaceAllStringFunc(wrapper.Redact(text, c.secrets...), func(word string) string {
		if slices.ContainsFunc(c.secrets, func(secret string) bool { return strings.Contains(secret, word) }) {
			return "REDACTED"
		}
		return word
	})
}

// words are long enough to tell something of a secret.
var words = regexp.MustCompile(`[A-Za-z0-9_~+/=-][A-Za-z0-9_.~+/=-]{6,}[A-Za-z0-9_~+/=-]`)
