package wrapper_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// escapes are the ways in which a text can hold another one.
var escapes = map[string]func(string) string{
	"plain":             func(s string) string { return s },
	"JSON":              eachByte(`\u%04x`),
	"JSON, in capitals": eachByte(`\u%04X`),
	"JSON, in part": func(s string) string {
		return s[:3] + fmt.Sprintf(`\u%04x`, s[3]) + s[4:]
	},
	"JSON, punctuation":    func(s string) string { return strings.ReplaceAll(s, ".", `\u002e`) },
	"JSON within JSON":     func(s string) string { return inJSON(inJSON(eachByte(`\u%04x`)(s))) },
	"XML, decimal":         eachByte(`&#%d;`),
	"XML, hexadecimal":     eachByte(`&#x%x;`),
	"XML, leading zeros":   eachByte(`&#x0000%X;`),
	"XML within XML":       eachByte(`&amp;#%d;`),
	"XML in part":          func(s string) string { return strings.ReplaceAll(s, ".", "&#46;") },
	"CDATA":                func(s string) string { return "<![CDATA[" + s + "]]>" },
	"CDATA, split":         func(s string) string { return s[:9] + "]]><![CDATA[" + s[9:] },
	"a comment within":     func(s string) string { return s[:9] + "<!-- -->" + s[9:] },
	"JSON in a comment":    func(s string) string { return "<!-- " + eachByte(`\u%04x`)(s) + " -->" },
	"XML in a comment":     func(s string) string { return "<!--" + eachByte(`&#%d;`)(s) + "-->" },
	"URL in a comment":     func(s string) string { return "<!--" + eachByte(`%%%02x`)(s) + "-->" },
	"URL":                  eachByte(`%%%02x`),
	"URL, in capitals":     eachByte(`%%%02X`),
	"URL, in part":         func(s string) string { return strings.ReplaceAll(s, ".", "%2E") },
	"URL within a URL":     eachByte(`%%25%02x`),
	"URL within JSON":      func(s string) string { return eachByte(`\u%04x`)(eachByte(`%%%02x`)(s)) },
	"cut at its beginning": func(s string) string { return s[1:] },
	"cut at its end":       func(s string) string { return s[:len(s)-1] },
	"the half of it":       func(s string) string { return s[:len(s)/2+1] },
	"within quotes":        func(s string) string { return `"` + s + `"` },
	"within a word":        func(s string) string { return "x" + s + "x" },
	"twice":                func(s string) string { return s + s },
	"a form":               func(s string) string { return url.Values{"token": {s}}.Encode() },
}

func eachByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

func inJSON(s string) string {
	encoded, _ := json.Marshal(s)
	return string(encoded[1 : len(encoded)-1])
}

// leftOf returns the longest part of secret that text shows, in whatever escaped form.
func leftOf(text, secret string) (longest string) {
	plain := text
	for range 5 {
		for i := range len(secret) {
			for j := i + len(longest) + 1; j <= len(secret) && strings.Contains(plain, secret[i:j]); j++ {
				longest = secret[i:j]
			}
		}
		plain = unescaped(plain)
	}
	return longest
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	var plain string
	if json.Unmarshal([]byte(`"`+strings.ReplaceAll(s, `"`, `\"`)+`"`), &plain) == nil {
		s = plain
	}
	var element struct {
		Text string `xml:",chardata"`
	}
	if xml.Unmarshal([]byte("<a>"+s+"</a>"), &element) == nil {
		s = element.Text
	}
	return s
}

func TestRedact_FindsASecretInEachEscapedForm(t *testing.T) {
	for _, secret := range []string{
		bearer, "a-short-one", "MnqLx7.Yt_4kZ~p+W/3hQ==",
		"Zm9vYmFy.MnqLx7Yt4kZpW3hQMnqLx7Yt4kZpW3hQ.MnqLx7Yt4kZpW3hQ", strings.Repeat("aB3-", 100),
	} {
		for name, escape := range escapes {
			for _, around := range []string{"%s", "the token %s is not valid", `{"description":"%s"}`, "<a>%s</a>"} {
				got := wrapper.Redact(fmt.Sprintf(around, escape(secret)), secret)
				if left := leftOf(got, secret); len(left) >= min(12, len(secret)-1) {
					t.Errorf("%s, in %q: %.100q is left in %.300q", name, around, left, got)
				}
				if !strings.Contains(got, "REDACTED") && (name != "the half of it" || len(secret) > 24) {
					t.Errorf("%s, in %q: nothing marks the place in %.300q", name, around, got)
				}
			}
		}
	}
}

// What nobody knows to be a secret is one by its name, its scheme or its look.
func TestRedact_FindsWhatLooksLikeASecret(t *testing.T) {
	const jwt = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
	secrets := []string{"canary", jwt[3:20], jwt[24:40], "c2lnbmF0dXJl"}
	for name, text := range map[string]string{
		"a member":                  `{"access_token":"canary-1","a":"b"}`,
		"a member, as Go has it":    `{"AccessToken": "canary-1"}`,
		"a member in camel case":    `{"accessToken": "canary-1"}`,
		"a member of mixed case":    `{"Access_Token": "canary-1"}`,
		"a member that was escaped": `"{\"access_token\":\"canary-1\"}"`,
		"escaped twice":             `"{\\\"access_token\\\":\\\"canary-1\\\"}"`,
		"a refresh token":           `"refresh_token":"canary-1"`,
		"an id token":               `"id_token":"canary-1"`,
		"a device code":             `"device_code":"canary-1"`,
		"an element":                "<access_token>canary-1</access_token>",
		"an element with attribute": `<AccessToken i:type="string">canary-1</AccessToken>`,
		"a form":                    "grant_type=x&client_secret=canary-1&scope=y",
		"an assertion":              "client_assertion=canary-1",
		"a verifier":                "code_verifier=canary-1",
		"a password":                "password=canary-1",
		"a key":                     "api-key: canary-1",
		"a header":                  "Authorization: Bearer canary-1",
		"another scheme":            "Authorization: Basic canary1==",
		"a header without scheme":   "Authorization: canary-1",
		"a scheme alone":            "got Bearer canary-12345, want none",
		"a JWT":                     "got " + jwt,
		"a JWT, escaped":            "got " + eachByte(`\u%04x`)(jwt),
		"a JWT that was cut":        "got " + jwt[:30],
		"a JWT in a query":          "https://host.example/?t=" + jwt + "&x=1",
		"a long random word":        "got " + strings.Repeat("canary0Aa", 10),
	} {
		t.Run(name, func(t *testing.T) {
			got := wrapper.Redact(text)
			for _, secret := range secrets {
				if strings.Contains(got, secret) {
					t.Errorf("%q is in %q", secret, got)
				}
			}
			contains(t, got, "REDACTED")
		})
	}
}

// A message that only speaks of tokens stays as it is.
func TestRedact_LeavesProseAlone(t *testing.T) {
	for _, text := range []string{
		"the access token: expired", "Bearer authentication is required", "the bearer token was refused by the service",
		"Access denied.", "dial tcp 127.0.0.1:443: connect: connection refused", "code 900420", "basic authentication is off",
		"AADSTS700082: the refresh token has expired due to inactivity", "11111111-1111-4111-8111-111111111111",
		strings.Repeat("a", 200), strings.Repeat("0a", 100), strings.Repeat("A9", 100), strings.Repeat("Ab", 100), "100 % of the quota", "C:\\users\\name", "a &lt; b", "",
	} {
		checkEqual(t, "text", wrapper.Redact(text), text)
	}
}

// A secret of fewer than 8 bytes is a word, which texts are full of.
func TestRedact_TakesShortSecretsForWords(t *testing.T) {
	checkEqual(t, "7 bytes", wrapper.Redact("the service failed", "service"), "the service failed")
	checkEqual(t, "8 bytes", wrapper.Redact("the services failed", "services"), "the REDACTED failed")
	checkEqual(t, "none", wrapper.Redact("the service failed", ""), "the service failed")
}

func TestRedact_FindsEachOfSeveralSecrets(t *testing.T) {
	got := wrapper.Redact("first-secret-1 and second-secret-2 and first-secret-1", "first-secret-1", "second-secret-2")
	checkEqual(t, "text", got, "REDACTED and REDACTED and REDACTED")
}

func TestRedact_ReturnsOnePrintableLineOfBoundedLength(t *testing.T) {
	for _, text := range []string{
		"a\r\nb\tc\x00d\x1b[31m", "\u202eevil", "\xff\xfe", strings.Repeat("é", 100_000), strings.Repeat(`\u0041`, 100_000),
		strings.Repeat("&amp;", 100_000), strings.Repeat("%25", 100_000), `\u0000\u001b`, "&#10;&#27;", "%0a%1b", " a ",
	} {
		got := wrapper.Redact(text, bearer)
		if len(got) > 1<<10+len("…") {
			t.Errorf("%.40q became %d bytes", text, len(got))
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%.40q became %.100q", text, got)
		}
	}
	checkEqual(t, "white space", wrapper.Redact(" a \r\n\t b "), "a b")
}

func TestRedactError_KeepsWhatTheErrorIsAndNotWhatItSays(t *testing.T) {
	if err := wrapper.RedactError(nil, bearer); err != nil {
		t.Errorf("of nil it is %v", err)
	}
	inner := &cause{"refused " + bearer}
	err := wrapper.RedactError(fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, inner), bearer)
	withoutSecrets(t, err)
	withoutSecrets(t, fmt.Errorf("wrapped: %w", err))
	checkEqual(t, "text", err.Error(), "unexpected EOF: refused REDACTED")
	checkEqual(t, "errors.Is", errors.Is(err, io.ErrUnexpectedEOF), true)
	checkEqual(t, "errors.Is of another", errors.Is(err, io.EOF), false)
	var found *cause
	checkEqual(t, "errors.As", errors.As(err, &found), true)
	checkEqual(t, "errors.As finds", found, inner)
	encoded, failed := json.Marshal(err)
	if failed != nil || strings.Contains(string(encoded), "canary") {
		t.Errorf("JSON: %s, %v", encoded, failed)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("failed", "error", err)
	slog.New(slog.NewTextHandler(&log, nil)).Info("failed", "error", err)
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log has %s", log.String())
	}
}
