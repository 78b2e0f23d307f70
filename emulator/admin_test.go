package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
)

// adminDocument is the admin API's own description, as the emulator serves it.
func adminDocument(t *testing.T) *openapi3.T {
	t.Helper()
	_, body := call(t, start(t), "GET", "/_emulator/openapi.yaml", "")
	document, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return document
}

func call(t *testing.T, server *emulator.Server, method, path, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return read(t, server.Client(), req)
}

// read sends a request and reads the answer whole.
func read(t *testing.T, client *http.Client, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, content
}

// Each operation of the description is called, and each answer is held against it.
func TestAdmin_IsAsItIsDescribed(t *testing.T) {
	document := adminDocument(t)
	described := map[string]bool{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				described[method+" "+path+" "+status] = true
			}
		}
	}
	crossSite := []string{"Sec-Fetch-Site", "cross-site"}
	for _, test := range []struct {
		method, path, body string
		header             []string
		status             string
		answer             string // part of it
	}{
		{"GET", "/healthz", "", nil, "200", "ok"},
		{"GET", "/openapi.yaml", "", nil, "200", "openapi: 3.0.3"},
		{"GET", "/_emulator/openapi.yaml", "", nil, "200", "admin API"},
		{"GET", "/_emulator/requests", "", nil, "200", `"fault":"429:retry-after=2:times=2","status":429`},
		{"GET", "/_emulator/requests?last=1", "", nil, "200", `[{"number":3,`},
		{"GET", "/_emulator/requests?last=0", "", nil, "200", `[]`},
		{"GET", "/_emulator/requests?last=x", "", nil, "400", `last=\"x\"`},
		{"GET", "/_emulator/faults", "", nil, "200", `["reset","500:every=4"]`},
		{"PUT", "/_emulator/faults", `["502:html"]`, nil, "200", `["502:html"]`},
		{"PUT", "/_emulator/faults", `[]`, nil, "200", `[]`},
		{"PUT", "/_emulator/faults", `["five"]`, nil, "400", `fault \"five\"`},
		{"PUT", "/_emulator/faults", `"500"`, nil, "400", `a list of faults`},
		{"PUT", "/_emulator/faults", `[500]`, nil, "400", `a list of faults`},
		{"PUT", "/_emulator/faults", `["500"]`, crossSite, "403", `another site`},
		{"GET", "/_emulator/clock", "", nil, "200", `"offset":"0s"`},
		{"PUT", "/_emulator/clock", `{"offset":"-90s"}`, nil, "200", `"offset":"-1m30s"`},
		{"PUT", "/_emulator/clock", `{"offset":"soon"}`, nil, "400", `offset \"soon\"`},
		{"PUT", "/_emulator/clock", `{"offsett":"1s"}`, nil, "400", `offsett`},
		{"PUT", "/_emulator/clock", `{"offset":"1s"}`, crossSite, "403", `another site`},
		{"GET", "/_emulator/resource", "", nil, "401", `"code":"800001"`},
		{"POST", "/_emulator/revoke", "", nil, "200", `{"revoked":0}`},
		{"POST", "/_emulator/revoke", `{"token":"none"}`, nil, "200", `{"revoked":0}`},
		{"POST", "/_emulator/revoke", `{"token":""}`, nil, "400", "name a token"},
		{"POST", "/_emulator/revoke", `{"tokens":"a"}`, nil, "400", "name a token"},
		{"POST", "/_emulator/revoke", "", crossSite, "403", "another site"},
		{"GET", "/_emulator/devicecodes", "", nil, "200", "[]"},
		{"POST", "/_emulator/devicecodes", `{"userCode":"NONE"}`, nil, "404", `no sign-in waits`},
		{"POST", "/_emulator/devicecodes", `{"userCode":7}`, nil, "400", "name a code"},
		{"POST", "/_emulator/devicecodes", `{"userCode":"NONE"}`, crossSite, "403", "another site"},
		{"POST", "/_emulator/reset", "", nil, "204", ""},
		{"POST", "/_emulator/reset", "", crossSite, "403", "another site"},
	} {
		t.Run(strings.Join([]string{test.method, test.path, test.body, test.status}, " "), func(t *testing.T) {
			server := start(t, emulator.WithFaults(
				emulator.Fault{Status: 429, RetryAfter: 2 * time.Second, Times: 2},
				emulator.Fault{Reset: true}, emulator.Fault{Status: 500, Every: 4}))
			statuses(t, server, 2)
			if test.path == "/_emulator/requests?last=1" {
				_, _, _ = do(t, server, sent{}) // the reset
			}
			resp, body := call(t, server, test.method, test.path, test.body, test.header...)
			if !bytes.Contains(body, []byte(test.answer)) {
				t.Errorf("got %s %s", resp.Status, body)
			}
			target, err := url.Parse(test.path)
			if err != nil {
				t.Fatal(err)
			}
			item := document.Paths.Value(target.Path)
			route := &routers.Route{Spec: document, Path: target.Path, PathItem: item, Method: test.method, Operation: item.GetOperation(test.method)}
			if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
				RequestValidationInput: &openapi3filter.RequestValidationInput{Request: resp.Request, Route: route},
				Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
				Options: &openapi3filter.Options{IncludeResponseStatus: true},
			}); err != nil {
				t.Errorf("%v in %s", err, body)
			}
			if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && resp.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer can be cached")
			}
			if resp.Status[:3] != test.status {
				t.Errorf("status %s", resp.Status)
			}
		})
		delete(described, test.method+" "+strings.Split(test.path, "?")[0]+" "+test.status)
	}
	delete(described, "GET /_emulator/resource 200")     // wants a token: TestResource_TakesATokenOfThisEmulator
	delete(described, "POST /_emulator/devicecodes 204") // wants a sign-in: TestAdmin_AnswersDeviceCodes
	for answer := range described {
		t.Errorf("no test for %s", answer)
	}
}

func TestAdmin_SetsFaultsAndClock(t *testing.T) {
	server := start(t)
	call(t, server, "PUT", "/_emulator/faults", `["500:times=2"]`)
	call(t, server, "PUT", "/_emulator/clock", `{"offset":"1h"}`)
	if got := statuses(t, server, 3); !slices.Equal(got, []int{500, 500, 200}) || server.ClockOffset() != time.Hour {
		t.Errorf("got %v, and the clock is %s ahead", got, server.ClockOffset())
	}
	call(t, server, "POST", "/_emulator/reset", "")
	if len(server.Requests()) != 0 || server.ClockOffset() != 0 {
		t.Errorf("kept %v, and the clock is %s ahead", server.Requests(), server.ClockOffset())
	}
}

func TestAdmin_ShowsNoSecrets(t *testing.T) {
	server := start(t)
	answered(t, server, sent{})
	if _, body := call(t, server, "GET", "/_emulator/requests", ""); bytes.Contains(body, []byte("canary")) ||
		!bytes.Contains(body, []byte("Bearer REDACTED")) {
		t.Errorf("got %s", body)
	}
}

// The contract that an emulator serves is the contract, but for where the service is.
func TestContract_NamesTheEmulatorAsItsServer(t *testing.T) {
	resp, served := call(t, start(t), "GET", "/openapi.yaml", "")
	if resp.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("Content-Type is %q", resp.Header.Get("Content-Type"))
	}
	encoded := func(content []byte, servers openapi3.Servers) string {
		document, err := openapi3.NewLoader().LoadFromData(content)
		if err != nil {
			t.Fatal(err)
		}
		if servers == nil {
			servers = document.Servers
		}
		if document.Servers = servers; servers[0].URL != "/" {
			t.Errorf("the server is %q", servers[0].URL)
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	document, err := openapi3.NewLoader().LoadFromData(served)
	if err != nil {
		t.Fatal(err)
	}
	if encoded(served, nil) != encoded(api.Spec, document.Servers) {
		t.Error("the rest differs")
	}
}

func TestRequests_AreTheEndpointsAlone(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{Status: 500}))
	for _, path := range []string{"/healthz", "/openapi.yaml", "/_emulator/requests"} {
		if resp, _ := call(t, server, "GET", path, ""); resp.StatusCode != 200 {
			t.Errorf("%s met the fault", path)
		}
	}
	if len(server.Requests()) != 0 || len(server.Faults()) != 1 {
		t.Errorf("kept %v, left %v", server.Requests(), server.Faults())
	}
}

func TestAdmin_AnswersDeviceCodes(t *testing.T) {
	server := start(t, emulator.WithEntra())
	for answer, want := range map[string]string{
		"": `["pwd","mfa"]`, `,"withoutMfa":true`: `["pwd"]`, `,"declined":true`: "authorization_declined",
	} {
		d := askEntra(t, server, "devicecode", form("client_id", "an-app", "scope", personScope))
		if _, body := call(t, server, "GET", "/_emulator/devicecodes", ""); !bytes.Contains(body, []byte(`"userCode":"`+d.UserCode+`","clientId":"an-app"`)) {
			t.Errorf("waiting are %s", body)
		}
		if resp, body := call(t, server, "POST", "/_emulator/devicecodes", `{"userCode":"`+d.UserCode+`"`+answer+`}`); resp.StatusCode != 204 {
			t.Errorf("%s got %s %s", answer, resp.Status, body)
		}
		got := polled(t, server, d.DeviceCode)
		if got.Error != want && (got.AccessToken == "" || methods(t, got.AccessToken) != want) {
			t.Errorf("%s brought %+v", answer, got)
		}
	}
}
