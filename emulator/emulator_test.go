package emulator_test

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	server, err := emulator.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

type sent struct {
	method, path string
	header       map[string]string // "" removes one that every request has
	body         string
}

// request returns a request that is in order but for what it is told.
func request(t *testing.T, server *emulator.Server, s sent) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), cmp.Or(s.method, http.MethodPost),
		server.URL+cmp.Or(s.path, "/v3/generatetoken"), strings.NewReader(cmp.Or(s.body, "grant_type=jwt_token")))
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{
		"Authorization": "Bearer canary", "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded",
	}
	maps.Copy(header, s.header)
	for key, value := range header {
		if value != "" {
			req.Header.Set(key, value)
		}
	}
	return req
}

// do sends it and returns the answer and its body.
func do(t *testing.T, server *emulator.Server, s sent) (*http.Response, []byte, error) {
	t.Helper()
	resp, err := server.Client().Transport.RoundTrip(request(t, server, s))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// answered is do for requests that get a whole answer.
func answered(t *testing.T, server *emulator.Server, s sent) (*http.Response, []byte) {
	t.Helper()
	resp, body, err := do(t, server, s)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func decode(t *testing.T, resp *http.Response, body []byte, into any) {
	t.Helper()
	unmarshal := json.Unmarshal
	if strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		unmarshal = xml.Unmarshal
	}
	if err := unmarshal(body, into); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
}

func TestEndpoint_AnswersByTheContract(t *testing.T) {
	h := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	tests := map[string]struct {
		sent   sent
		status int
		code   string // of an error
		says   string // in its description
	}{
		"in order":                  {sent{}, 200, "", ""},
		"with a scheme in small":    {sent{header: h("Authorization", "bearer canary")}, 200, "", ""},
		"to the legacy operation":   {sent{path: "/generatetoken"}, 200, "", ""},
		"as JSON":                   {sent{header: h("Content-Type", "application/json"), body: `{"grant_type":"jwt_token"}`}, 200, "", ""},
		"as JSON with a charset":    {sent{header: h("Content-Type", "application/json; charset=utf-8"), body: `{"grant_type":"jwt_token"}`}, 200, "", ""},
		"as text/json":              {sent{header: h("Content-Type", "text/json"), body: `{"grant_type":"jwt_token"}`}, 200, "", ""},
		"as XML":                    {sent{header: h("Content-Type", "application/xml"), body: "<x><grant_type>jwt_token</grant_type></x>"}, 200, "", ""},
		"as text/xml":               {sent{header: h("Content-Type", "text/xml"), body: `<r xmlns="urn:any"><grant_type>jwt_token</grant_type></r>`}, 200, "", ""},
		"with ids":                  {sent{header: h("ms-requestid", uuid.NewString(), "ms-correlationid", uuid.NewString())}, 200, "", ""},
		"for anything":              {sent{header: h("Accept", "*/*")}, 200, "", ""},
		"for XML above all":         {sent{header: h("Accept", "application/json;q=0.5, text/xml")}, 200, "", ""},
		"elsewhere":                 {sent{path: "/v4/generatetoken"}, 404, "404", "/v4/generatetoken"},
		"by GET":                    {sent{method: "GET"}, 405, "405", "GET"},
		"without a bearer":          {sent{header: h("Authorization", "")}, 401, "800001", "no bearer"},
		"with another scheme":       {sent{header: h("Authorization", "Basic Y2FuYXJ5")}, 401, "800001", "no bearer"},
		"with an empty bearer":      {sent{header: h("Authorization", "Bearer ")}, 401, "800001", "no bearer"},
		"without Accept":            {sent{header: h("Accept", "")}, 400, "800002", "Accept header is required"},
		"for what there is not":     {sent{header: h("Accept", "image/png")}, 406, "406", "image/png"},
		"in what is not taken":      {sent{header: h("Content-Type", "text/plain")}, 415, "415", "text/plain"},
		"in nothing":                {sent{header: h("Content-Type", "")}, 415, "415", "Content-Type"},
		"with another grant":        {sent{body: "grant_type=password"}, 400, "800002", "grant_type"},
		"without a grant":           {sent{body: "grant=jwt_token"}, 400, "800002", "grant_type"},
		"with broken JSON":          {sent{header: h("Content-Type", "application/json"), body: `{"grant_type"`}, 400, "800002", "decode"},
		"with broken XML":           {sent{header: h("Content-Type", "text/xml"), body: "<a>"}, 400, "800002", "decode"},
		"with a bad request id":     {sent{header: h("ms-requestid", "7")}, 400, "800002", "ms-requestid"},
		"with a bad correlation id": {sent{header: h("ms-correlationid", "7")}, 400, "800002", "ms-correlationid"},
		"too long":                  {sent{body: strings.Repeat("a", 1<<20+1)}, 413, "413", "1048576"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body := answered(t, start(t), test.sent)
			if resp.StatusCode != test.status {
				t.Fatalf("status %d: %s", resp.StatusCode, body)
			}
			for _, key := range []string{"MS-RequestId", "MS-CorrelationId"} {
				if sent := test.sent.header[strings.ToLower(key)]; resp.Header.Get(key) == "" || sent != "" && resp.Header.Get(key) != sent {
					t.Errorf("%s is %q, sent %q", key, resp.Header.Get(key), sent)
				}
			}
			if test.status == http.StatusOK {
				var token gen.AccessToken
				decode(t, resp, body, &token)
				if len(token.AccessToken) < 26 || token.TokenType != "bearer" || token.ExpiresIn != "3600" {
					t.Errorf("got %s", body)
				}
				if resp.Header.Get("Cache-Control") != "no-store" {
					t.Error("a token can be cached on its way")
				}
				return
			}
			var e gen.Error
			decode(t, resp, body, &e)
			if e.Code != test.code || !strings.Contains(e.Description, test.says) || e.Source != "emulator" || len(e.Description) > 1024 {
				t.Errorf("got %s", body)
			}
			if strings.Contains(string(body), "canary") {
				t.Errorf("the bearer is in %s", body)
			}
		})
	}
}

func TestEndpoint_AnswersInTheMediaTypeThatIsAccepted(t *testing.T) {
	for _, mediaType := range []string{"application/json", "text/json", "application/xml", "text/xml"} {
		for status, s := range map[int]sent{200: {}, 400: {body: "x=y"}} {
			t.Run(fmt.Sprintf("%s %d", mediaType, status), func(t *testing.T) {
				s.header = map[string]string{"Accept": mediaType}
				resp, body := answered(t, start(t), s)
				if resp.StatusCode != status || resp.Header.Get("Content-Type") != mediaType {
					t.Errorf("got %d in %s: %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
				}
				var into struct{}
				decode(t, resp, body, &into)
			})
		}
	}
}

func TestEndpoint_SaysInHeadersWhatToDo(t *testing.T) {
	server := start(t)
	if resp, _ := answered(t, server, sent{header: map[string]string{"Authorization": ""}}); resp.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate is %q", resp.Header.Get("WWW-Authenticate"))
	}
	if resp, _ := answered(t, server, sent{method: "PUT"}); resp.Header.Get("Allow") != "POST" {
		t.Errorf("Allow is %q", resp.Header.Get("Allow"))
	}
}

// exchangeInMemory makes an exchange without a socket, for tests that need thousands, and returns the answer's body.
func exchangeInMemory(e *emulator.Emulator, path, requestID string) string {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("grant_type=jwt_token"))
	r.Header = http.Header{
		"Authorization": {"Bearer canary"}, "Accept": {"application/json"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Ms-Requestid": {requestID},
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Body.String()
}

func TestEndpoint_KeepsADescriptionToTheContractsLength(t *testing.T) {
	long := "text/" + strings.Repeat("é", 3000)
	resp, body := answered(t, start(t), sent{header: map[string]string{"Content-Type": long}})
	var e gen.Error
	decode(t, resp, body, &e)
	if n := utf8.RuneCountInString(e.Description); resp.StatusCode != 415 || n != 1024 || !utf8.ValidString(e.Description) {
		t.Errorf("status %d, a description of %d characters", resp.StatusCode, n)
	}
}

func TestNew_RefusesOptionsThatCannotWork(t *testing.T) {
	for name, opt := range map[string]emulator.Option{
		"a negative lifetime":     emulator.WithTokenLifetime(-1),
		"a status out of range":   emulator.WithFaults(emulator.Fault{Status: 600}),
		"an informational status": emulator.WithFaults(emulator.Fault{Status: 100}),
		"a negative delay":        emulator.WithFaults(emulator.Fault{Delay: -1}),
		"a negative Retry-After":  emulator.WithFaults(emulator.Fault{Status: 429, RetryAfter: -1}),
		"an unknown body":         emulator.WithFaults(emulator.Fault{Body: "pdf"}),
		"a reset with a status":   emulator.WithFaults(emulator.Fault{Status: 500, Reset: true}),
		"half of nothing":         emulator.WithFaults(emulator.Fault{Status: 500, Body: emulator.BodyEmpty, Truncate: true}),
		"a negative window":       emulator.WithIdempotencyWindow(-1),
		"a negative quota":        emulator.WithQuota(-1),
		"a number below zero":     emulator.WithFaults(emulator.Fault{Times: -1}),
		"a code with a colon":     emulator.WithFaults(emulator.Fault{Status: 500, Code: "a:b"}),
		"a date of nothing":       emulator.WithFaults(emulator.Fault{Status: 429, RetryAfterDate: true}),
		"a place that is none":    emulator.WithFaults(emulator.Fault{At: "moon"}),
		"a code without an error": emulator.WithFaults(emulator.Fault{Code: "1"}),
	} {
		if _, err := emulator.New(opt); err == nil || !strings.HasPrefix(err.Error(), "emulator: With") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
