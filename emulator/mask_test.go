package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// kept returns how the emulator keeps a request.
func kept(t *testing.T, s sent) emulator.Request {
	t.Helper()
	server := start(t)
	answered(t, server, s)
	return server.Requests()[0]
}

func TestRequests_KeepHarmlessHeadersAlone(t *testing.T) {
	const id = "9b1d6a52-7c34-4f86-8a43-51c9c6a0e2d7"
	for name, test := range map[string]struct{ header, value, want string }{
		"a bearer":                  {"Authorization", "Bearer canary", "Bearer REDACTED"},
		"a bearer in small letters": {"Authorization", "bearer canary", "bearer REDACTED"},
		"a password":                {"Authorization", "Basic canary", "Basic REDACTED"},
		"a password in small ones":  {"Authorization", "basic canary", "basic REDACTED"},
		"where a trace is":          {"Traceparent", "00-1-2-01", "00-1-2-01"},
		"a token for a scheme":      {"Authorization", "canary", "REDACTED"},
		"a token and a word":        {"Authorization", "canary x", "REDACTED"},
		"a proxy's":                 {"Proxy-Authorization", "Basic canary", "REDACTED"},
		"a cookie":                  {"Cookie", "session=canary", "REDACTED"},
		"an API key":                {"X-Api-Key", "canary", "REDACTED"},
		"a key of Azure's gateway":  {"Ocp-Apim-Subscription-Key", "canary", "REDACTED"},
		"what nobody knows":         {"X-Anything", "canary", "REDACTED"},
		"where it came from":        {"Referer", "https://a.example/?code=canary", "REDACTED"},
		"the request id":            {"Ms-Requestid", id, id},
		"the correlation id":        {"Ms-Correlationid", id, id},
		"the application":           {"Ms-Partnercenter-Application", "billing", "billing"},
		"the user agent":            {"User-Agent", "billing/1.0", "billing/1.0"},
		"what it accepts":           {"Accept", "text/xml", "text/xml"},
		"its media type":            {"Content-Type", "text/plain", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(t, sent{header: map[string]string{test.header: test.value}})
			if got := r.Header.Get(test.header); got != test.want {
				t.Errorf("kept as %q, want %q", got, test.want)
			}
		})
	}
}

func TestRequests_KeepHarmlessMembersAlone(t *testing.T) {
	const form, js, xml = "application/x-www-form-urlencoded", "application/json; charset=utf-8", "text/xml"
	secrets := []string{
		"client_secret", "client_assertion", "assertion", "refresh_token", "access_token", "id_token", "code", "code_verifier",
		"device_code", "password", "username", "anything",
	}
	for name, test := range map[string]struct{ contentType, body, want string }{
		"a form":                    {form, "grant_type=jwt_token", "grant_type=jwt_token"},
		"a form in code":            {form, "scope=a%20b&client%5Fsecret=canary", "scope=a%20b&client_secret=REDACTED"},
		"a form of no pairs":        {form, "canary&scope=x", "REDACTED&scope=x"},
		"a form whose name is long": {form, "eyJ0canary=1", "REDACTED=REDACTED"},
		"a form that is none":       {form, "%zz=canary", "REDACTED"},
		"JSON":                      {js, `{"grant_type":"jwt_token"}`, `{"grant_type":"jwt_token"}`},
		"JSON that is null":         {js, `{"client_secret":null}`, `{"client_secret":null}`},
		"JSON within JSON":          {js, `{"a":{"scope":["x"],"b":["canary",{"c":1}]}}`, `{"a":{"b":["REDACTED",{"c":"REDACTED"}],"scope":["x"]}}`},
		"an object in a harmless":   {js, `{"scope":{"x":"canary"}}`, `{"scope":{"x":"REDACTED"}}`},
		"JSON that is a string":     {js, `"canary"`, `"REDACTED"`},
		"JSON whose name is long":   {js, `{"eyJ0canary":1}`, `{"REDACTED":"REDACTED"}`},
		"JSON that breaks off":      {js, `{"grant_type":"canary`, `REDACTED`},
		"JSON and more":             {js, `{} canary`, `REDACTED`},
		"XML":                       {xml, `<r><grant_type>a&amp;b</grant_type></r>`, `<r><grant_type>a&amp;b</grant_type></r>`},
		"XML of more than elements": {xml, `<?canary?><r a="canary"><!--canary--><x>canary</x> </r>`, `<r><x>REDACTED</x></r>`},
		"XML in CDATA":              {xml, `<r><![CDATA[canary]]></r>`, `<r>REDACTED</r>`},
		"XML whose name is long":    {xml, `<eyJ0canary/>`, `<REDACTED></REDACTED>`},
		"XML that breaks off":       {xml, `<r>canary`, `REDACTED`},
		"something else":            {"text/plain", "canary", "REDACTED"},
		"what is nothing":           {"", "canary", "REDACTED"},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(t, sent{header: map[string]string{"Content-Type": test.contentType}, body: test.body})
			if r.Body != test.want {
				t.Errorf("kept %s, want %s", r.Body, test.want)
			}
		})
	}
	for _, name := range secrets {
		t.Run(name, func(t *testing.T) {
			r := kept(t, sent{body: "grant_type=jwt_token&" + name + "=canary"})
			if want := "grant_type=jwt_token&" + name + "=REDACTED"; r.Body != want {
				t.Errorf("kept %s, want %s", r.Body, want)
			}
		})
	}
}

func TestRequests_KeepNoBodyWhereThereIsNone(t *testing.T) {
	server := start(t)
	resp, err := server.Client().Post(server.URL+"/v3/generatetoken", "application/json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if r := server.Requests()[0]; r.Body != "" {
		t.Errorf("kept %q", r.Body)
	}
}

// The mask comes before the cut: half a body parses as nothing.
func TestRequests_MaskTheWholeBodyBeforeTheyKeepAPart(t *testing.T) {
	r := kept(t, sent{
		header: map[string]string{"Content-Type": "application/json"},
		body:   `{"a":"canary","scope":"` + strings.Repeat("x", 8<<10) + `"}`,
	})
	if len(r.Body) != 4<<10 || !strings.HasPrefix(r.Body, `{"a":"REDACTED","scope":"xxx`) {
		t.Errorf("kept %d bytes: %.60s", len(r.Body), r.Body)
	}
}
