package main

import (
	"regexp"
	"strings"
	"unicode"
)

// webToken finds JSON Web Tokens, which assertions are, too.
var webToken = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*`)

// plain returns what came from outside as one printable line of at most 1024 bytes, so that it can neither move a
// terminal's cursor nor pass for a line of this program; and without tokens and the given secrets.
func plain(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "REDACTED")
		}
	}
	s = webToken.ReplaceAllString(s, "REDACTED")
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	const most = 1024
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
