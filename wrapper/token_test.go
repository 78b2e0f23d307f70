package wrapper_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestToken_ExpiryIsCountedFromWhenTheRequestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-time.After(10 * time.Second)
			return (&script{answers: []answer{ok()}}).RoundTrip(r)
		})
		left := time.Now()
		token, err := inMemory(t, slow).GenerateToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "expiry", token.ExpiresAt, left.Add(time.Hour).UTC().Round(0))
	})
}

func TestToken_ExpiryIsCountedFromTheFirstAttempt(t *testing.T) {
	// The service answers a repeated request with the token that it made the first time.
	synctest.Test(t, func(t *testing.T) {
		left := time.Now()
		s := &script{answers: []answer{failing(500, "10"), ok()}}
		token, err := inMemory(t, s).GenerateToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "expiry", token.ExpiresAt, left.Add(time.Hour).UTC().Round(0))
	})
}

func TestToken_ExpiresIn(t *testing.T) {
	const over = -1
	tests := map[string]struct {
		member string
		want   time.Duration // 0 means that the lifetime is unknown
	}{
		"a number":           {`,"expires_in":3600`, time.Hour},
		"a string of digits": {`,"expires_in":"3600"`, time.Hour},
		"one second":         {`,"expires_in":1`, time.Second},
		"null":               {`,"expires_in":null`, 0},
		"missing":            {``, 0},
		"a fraction":         {`,"expires_in":1.5`, 0},
		"beyond all bounds":  {`,"expires_in":1e308`, 0},
		"zero":               {`,"expires_in":0`, over},
		"negative":           {`,"expires_in":-1`, over},
		"the least":          {`,"expires_in":-9223372036854775808`, over},
		"for ever":           {`,"expires_in":9999999999999`, 9223372036 * time.Second},
		"the most":           {`,"expires_in":9223372036854775807`, 9223372036 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := `{"access_token":"canary","more":{}` + test.member + `}`
				s := &script{answers: []answer{{status: 200, contentType: "application/json", body: body}}}
				token, err := inMemory(t, s).GenerateToken(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want := time.Now().Add(max(0, test.want)).UTC().Round(0)
				if test.want == 0 {
					want = time.Time{}
				}
				checkEqual(t, "expiry", token.ExpiresAt, want)
			})
		})
	}
}

func TestToken_ExpiryIsWallClockTimeInUTC(t *testing.T) {
	token, err := inMemory(t, &script{answers: []answer{ok()}}).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "location", token.ExpiresAt.Location(), time.UTC)
	if strings.Contains(token.ExpiresAt.String(), "m=") {
		t.Errorf("%v has a monotonic part", token.ExpiresAt)
	}
}

// A 200 is read by its body: a Content-Type is as often wrong as right.
func TestToken_IsReadWhateverTheContentType(t *testing.T) {
	const bom = "\ufeff"
	bodies := map[string]string{
		"JSON":                           tokenJSON,
		"JSON after a byte order mark":   bom + tokenJSON,
		"JSON after white space":         " \r\n\t" + tokenJSON,
		"XML":                            tokenXML,
		"XML after a byte order mark":    bom + tokenXML,
		"XML that says its encoding":     `<?xml version="1.0" encoding="utf-8"?>` + tokenXML,
		"XML that says another encoding": `<?xml version="1.0" encoding="iso-8859-1"?>` + tokenXML,
		"XML in a namespace":             `<p:T xmlns:p="urn:p"><p:access_token>canary-access-token</p:access_token><p:token_type>bearer</p:token_type><p:expires_in>3600</p:expires_in></p:T>`,
	}
	types := []string{
		"application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-16", "text/json", "application/xml",
		"TEXT/XML; charset=utf-8", "text/html", "text/plain", "application/octet-stream", "application/problem+json", "nonsense", "",
	}
	for name, body := range bodies {
		for _, contentType := range types {
			t.Run(name+" as "+contentType, func(t *testing.T) {
				s := &script{answers: []answer{{status: 200, contentType: contentType, body: body}}}
				token, err := inMemory(t, s).GenerateToken(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				checkEqual(t, "token", token.AccessToken, "canary-access-token")
				checkEqual(t, "type", token.TokenType, "bearer")
				if token.ExpiresAt.IsZero() {
					t.Error("the lifetime was lost")
				}
			})
		}
	}
}

func TestToken_ShowsEverythingButItself(t *testing.T) {
	token := wrapper.Token{
		AccessToken: "canary", TokenType: "bearer", ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		RequestID: "request", CorrelationID: "correlation",
	}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d", "%10v"} {
		shown["value "+verb] = fmt.Sprintf(verb, token)
		shown["pointer "+verb] = fmt.Sprintf(verb, &token)
		shown["inside a struct "+verb] = fmt.Sprintf(verb, struct{ T wrapper.Token }{token})
	}
	for name, value := range map[string]any{"value": token, "pointer": &token} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		shown["JSON of a "+name] = string(encoded)
		var text, records bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("got", "token", value)
		slog.New(slog.NewJSONHandler(&records, nil)).Info("got", "token", value)
		shown["slog text of a "+name], shown["slog JSON of a "+name] = text.String(), records.String()
	}
	for how, text := range shown {
		if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
			t.Errorf("%s: %s", how, text)
		}
		for _, want := range []string{"REDACTED", "bearer", "2026-01-02T03:04:05Z", "request", "correlation"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s: %s", how, want, text)
			}
		}
	}
}

// A service may repeat the token where it does not belong.
func TestToken_IsInNoOtherFieldOfItself(t *testing.T) {
	a := answer{status: 200, body: `{"access_token":"canary-access-token","token_type":"canary-access-token"}`, header: map[string]string{
		"ms-requestid": "id canary-access-token", "ms-correlationid": "canary-access-token",
	}}
	token, err := inMemory(t, &script{answers: []answer{a}}).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text := formatted("%v", token, token.TokenType, token.RequestID, token.CorrelationID); strings.Contains(text, "canary") {
		t.Errorf("got %s", text)
	}
}
