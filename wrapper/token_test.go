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

func TestExpiresAtIsCountedFromWhenTheRequestLeft(t *testing.T) {
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
		if want := left.Add(time.Hour); !token.ExpiresAt.Equal(want) {
			t.Errorf("expires at %v, want %v", token.ExpiresAt, want)
		}
	})
}

func TestExpiresAtIsCountedFromTheFirstAttempt(t *testing.T) {
	// The service answers a repeated request with the token that it made the first time.
	synctest.Test(t, func(t *testing.T) {
		left := time.Now()
		s := &script{answers: []answer{failing(500, "10"), ok()}}
		token, err := inMemory(t, s).GenerateToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := left.Add(time.Hour); !token.ExpiresAt.Equal(want) {
			t.Errorf("expires at %v, want %v", token.ExpiresAt, want)
		}
	})
}

func TestExpiresIn(t *testing.T) {
	tests := map[string]struct {
		member string
		want   time.Duration // 0 means that the lifetime is unknown, less that it is over
	}{
		"a number":           {`,"expires_in":3600`, time.Hour},
		"a string of digits": {`,"expires_in":"3600"`, time.Hour},
		"null":               {`,"expires_in":null`, 0},
		"missing":            {``, 0},
		"a fraction":         {`,"expires_in":1.5`, 0},
		"beyond all bounds":  {`,"expires_in":1e308`, 0},
		"negative":           {`,"expires_in":-1`, -1}, // over at once
		"for ever":           {`,"expires_in":9999999999999`, 9223372036 * time.Second},
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
				want := time.Time{}
				if test.want < 0 {
					want = time.Now()
				}
				if test.want > 0 {
					want = time.Now().Add(test.want)
				}
				if !token.ExpiresAt.Equal(want) {
					t.Errorf("expires at %v, want %v", token.ExpiresAt, want)
				}
			})
		})
	}
}

func TestExpiresAtIsWallClockTimeInUTC(t *testing.T) {
	token, err := inMemory(t, &script{answers: []answer{ok()}}).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at := token.ExpiresAt; at.Location() != time.UTC || strings.Contains(at.String(), "m=") {
		t.Errorf("expires at %v", at)
	}
}

func TestATokenIsReadFromXMLOfAnyNamespace(t *testing.T) {
	s := &script{answers: []answer{{status: 200, contentType: "text/xml; charset=utf-8", body: tokenXML}}}
	token, err := inMemory(t, s).GenerateToken(t.Context())
	if err != nil || token.AccessToken != "canary-access-token" || token.TokenType != "bearer" || token.ExpiresAt.IsZero() {
		t.Errorf("got %v, %v", token, err)
	}
}

func TestATokenShowsEverythingButItself(t *testing.T) {
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

func TestAClientShowsNoBearer(t *testing.T) {
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		if text := fmt.Sprintf(verb, client) + fmt.Sprintf(verb, *client); strings.Contains(text, "canary") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}
