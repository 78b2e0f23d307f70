package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// outputs are the forms of --output.
var outputs = map[string]func(io.Writer, *wrapper.Token) error{
	"token": func(w io.Writer, t *wrapper.Token) error {
		_, err := fmt.Fprintln(w, t.AccessToken)
		return err
	},
	"header": func(w io.Writer, t *wrapper.Token) error {
		_, err := fmt.Fprintln(w, "Authorization: Bearer "+t.AccessToken)
		return err
	},
	"env": func(w io.Writer, t *wrapper.Token) error {
		_, err := fmt.Fprintln(w, tokenVariable+"="+quoteForShell(t.AccessToken))
		return err
	},
	"json": printJSON,
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._+/=:@%-]+$`)

// quoteForShell returns s as one word of a POSIX shell. A word without special characters, as tokens are, stays as it
// is: then files of KEY=value lines can have it, which know no quotes.
func quoteForShell(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// printJSON prints the members that the service answers with, and what the client knows beside them. expires_in is
// what is left of the lifetime, to the second.
func printJSON(w io.Writer, t *wrapper.Token) error {
	out := struct {
		AccessToken   string    `json:"access_token"`
		TokenType     string    `json:"token_type,omitempty"`
		ExpiresIn     *int64    `json:"expires_in,omitempty"`
		ExpiresAt     time.Time `json:"expires_at,omitzero"`
		RequestID     string    `json:"request_id"`
		CorrelationID string    `json:"correlation_id"`
	}{
		AccessToken:   t.AccessToken,
		TokenType:     t.TokenType,
		ExpiresAt:     t.ExpiresAt.Truncate(time.Second),
		RequestID:     t.RequestID,
		CorrelationID: t.CorrelationID,
	}
	if !t.ExpiresAt.IsZero() {
		left := int64(time.Until(t.ExpiresAt).Round(time.Second) / time.Second)
		out.ExpiresIn = &left
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // a token is not for a web page
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
