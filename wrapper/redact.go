package wrapper

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// This file alone knows what a secret looks like, and keeps it out of texts that came from outside.

// redacted stands where a secret was.
const redacted = "REDACTED"

// Redact returns text as one printable line of at most 1 KiB, without the given secrets and without what looks like
// one: for what a service, a proxy or a library said, before it is shown or logged. A secret is found in any escaped form
// that JSON, XML and URLs have, and also where a part of it is missing. Encodings that do not look like the secret, such
// as base64, are not undone.
func Redact(text string, secrets ...string) string { return redact(text, 1<<10, secrets...) }

// RedactError returns err with its text cleaned like [Redact]. [errors.Is] and [errors.As] find what err was made of, but
// nothing that walks or formats the chain does: its text may hold secrets. It returns nil for nil. Errors of this package
// have been cleaned; it is for a [BearerFunc] whose errors are also shown by others.
func RedactError(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	return cleaned{err, Redact(err.Error(), secrets...)}
}

// mostValues bounds, together with 1 KiB of each text, what is kept of decoded JSON.
const mostValues = 64

// redactValue returns decoded JSON with its texts cleaned like [Redact], and no more of it than left counts.
func redactValue(v any, left *int, secrets ...string) any {
	switch v := v.(type) {
	case string:
		return Redact(v, secrets...)
	case []any:
		kept := slices.Clone(v[:min(len(v), *left)])
		*left -= len(kept)
		for i := range kept {
			kept[i] = redactValue(kept[i], left, secrets...)
		}
		return kept
	case map[string]any:
		kept, names := map[string]any{}, slices.Sorted(maps.Keys(v))
		names = names[:min(len(names), *left)]
		*left -= len(names)
		for _, name := range names {
			value := redactValue(v[name], left, secrets...)
			if !strings.HasSuffix(Redact(name+"=x1", secrets...), "=x1") { // it is named like a secret
				value = redacted
			}
			kept[redact(name, 128, secrets...)] = value
		}
		return kept
	}
	return v
}

// holdsToken reports whether a text that could not be decoded may hold a token: it names one, or it is nothing but one
// word, and not of letters alone as a message is.
func holdsToken(s string) bool {
	return slices.ContainsFunc(layers(s), func(plain string) bool {
		return accessToken.MatchString(plain) || bareToken.MatchString(plain) && mixed(plain)
	})
}

// longest is how much of a text is looked at: more than is ever shown of one.
const longest = 16 << 10

// redact is Redact with another bound.
func redact(s string, most int, secrets ...string) string {
	if len(s) < 8 && indexInvalid(s) < 0 {
		return clip(s, most) // shorter than any secret
	}
	s = s[:min(len(s), longest, 8*most+256)] // an escape takes six bytes for one
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, layers(secret)...) // one that looks escaped is unescaped with the text
	}
	var shown string
	for i, plain := range layers(s) {
		if hidden := hide(plain, forms); i == 0 || hidden != plain {
			shown = hidden
		}
	}
	return clip(oneLine(shown), most)
}

// clip cuts s down to most bytes, and marks the cut.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

type cleaned struct {
	err  error
	text string
}

func (c cleaned) Error() string                { return c.text }
func (c cleaned) Is(target error) bool         { return errors.Is(c.err, target) }
func (c cleaned) As(target any) bool           { return errors.As(c.err, target) }
func (c cleaned) Format(f fmt.State, _ rune)   { _, _ = fmt.Fprint(f, c.text) }
func (c cleaned) MarshalJSON() ([]byte, error) { return json.Marshal(c.text) }

var (
	// named finds the value of a member, parameter, element or header that is named like a secret, in any spelling.
	named = regexp.MustCompile(`(?i)((?:access|refresh|bearer|auth|subject|security|\bid|_id)[ _.-]?token|device[_-]code|(?-i:deviceCode)|` +
		`[a-z_.-]*secret|[a-z_.-]*assertion|code[_-]?verifier|passw(?:or)?d|api[_-]?key|authorization)` +
		`(\\*["']?\s*(?:[:=]|(?:\s[^<>]*)?>)\s*\\*["']?\s*(?:(?:bearer|basic)\s+)?)([^\s"'<>&,;{}\[\]\\]+)`)
	// scheme finds credentials behind the name of their scheme. In prose a word follows, which has letters alone.
	scheme = regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)()([a-z0-9._~+/=-]{8,})`)
	// jwt finds signed and encrypted JSON Web Tokens, and what is left of one that was cut.
	jwt = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*`)
	// userInfo finds the user name and password of a URL.
	userInfo = regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/"'<>]+@`)
	// accessToken finds the name of what the endpoint answers with.
	accessToken = regexp.MustCompile(`(?i)access[_.-]?token`)
	bareToken   = regexp.MustCompile(`^[\s"'\x{feff}]*[A-Za-z0-9._~+/=:|-]{16,}[\s"']*$`)
	// opaque finds long runs of base64. They are taken for a secret if they look random.
	opaque = regexp.MustCompile(`[A-Za-z0-9_+-]{64,}`)
)

func hide(s string, secrets []string) string {
	for _, secret := range secrets {
		s = hideParts(s, secret)
	}
	s = jwt.ReplaceAllString(s, redacted)
	s = userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
	for _, pattern := range []*regexp.Regexp{named, scheme} {
		s = pattern.ReplaceAllStringFunc(s, func(match string) string {
			parts := pattern.FindStringSubmatch(match)
			path := pattern == named && strings.HasPrefix(parts[3], "/")
			if strings.Contains(parts[1], " ") && (path || !mixed(parts[3])) {
				return match // prose: "access token: expired", "bearer authentication", "refresh token: /a/file is missing"
			}
			return parts[1] + parts[2] + redacted
		})
	}
	return opaque.ReplaceAllStringFunc(s, func(run string) string {
		if strings.ContainsFunc(run, unicode.IsUpper) && strings.ContainsFunc(run, unicode.IsLower) && strings.ContainsFunc(run, unicode.IsDigit) {
			return redacted
		}
		return run
	})
}

// mixed reports whether a word has letters and something else, as words of prose do not.
func mixed(word string) bool {
	word = strings.Trim(word, " \t\r\n\"'.\ufeff")
	return strings.ContainsFunc(word, unicode.IsLetter) && strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
}

// hideParts removes secret from s, and every part of it that is long enough not to be there by chance. Secrets shorter
// than any token are left alone: they are words.
func hideParts(s, secret string) string {
	least := min(12, len(secret)-1)
	for i := 0; len(secret) >= 8 && i+least <= len(s); i++ {
		end := i + least - 1
		for end < len(s) && strings.Contains(secret, s[i:end+1]) {
			end++
		}
		if end >= i+least {
			s = s[:i] + redacted + s[end:]
			i += len(redacted) - 1
		}
	}
	return s
}

// markup finds what of XML may stand between two characters.
var markup = regexp.MustCompile(`<!\[CDATA\[|\]\]>|<!--.*?-->`)

// escapes find what JSON (also within JSON), a URL or XML makes of a character, and markup.
var escapes = []*regexp.Regexp{
	regexp.MustCompile(`\\+(?:u[0-9A-Fa-f]{4}|/)`),
	regexp.MustCompile(`%[0-9A-Fa-f]{2}`),
	regexp.MustCompile(`&[#0-9A-Za-z]+;?`),
	markup,
}

// layers returns s, with and without its markup, which may hold an escaped secret or part one, and what becomes of both as
// their escapes are undone, one kind after the other, again and again.
func layers(s string) []string {
	all := slices.Compact([]string{s, markup.ReplaceAllString(s, "")})
	for _, s := range all { // those two
		for range 4 {
			for _, escape := range escapes {
				if plain := escape.ReplaceAllStringFunc(s, unescape); plain != s {
					s = plain
					all = append(all, s)
				}
			}
		}
	}
	return all
}

func unescape(escape string) (plain string) {
	switch escape[0] {
	case '\\':
		_ = json.Unmarshal([]byte(`"\`+strings.TrimLeft(escape, `\`)+`"`), &plain)
	case '%':
		plain, _ = url.PathUnescape(escape)
	case '&':
		plain = html.UnescapeString(escape)
	}
	return plain // of markup nothing
}

// oneLine replaces every run of white space and unprintable characters by a space and what is no UTF-8 by its sign, so
// that what was said can neither break a log's line nor move a terminal's cursor.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, string(unicode.ReplacementChar))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}
