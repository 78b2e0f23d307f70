package wrapper_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestClient_SendsWhatTheDocumentationAsksFor(t *testing.T) {
	const (
		form  = "application/x-www-form-urlencoded"
		grant = "grant_type=jwt_token"
		xml   = "<TokenRequest><grant_type>jwt_token</grant_type></TokenRequest>"
	)
	tests := map[string]struct {
		opts              []wrapper.Option
		path              string // of v3, if it is empty
		contentType, body string
		header            map[string]string
	}{
		"by default": {
			contentType: form, body: grant,
			header: map[string]string{"Accept": "application/json", "MS-PartnerCenter-Application": ""},
		},
		"to the legacy endpoint": {
			opts: []wrapper.Option{wrapper.WithLegacyEndpoint()},
			path: "/generatetoken", contentType: form, body: grant,
		},
		"as JSON": {
			opts:        []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeJSON)},
			contentType: "application/json", body: `{"grant_type":"jwt_token"}`,
		},
		"as text/json": {
			opts:        []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeTextJSON)},
			contentType: "text/json", body: `{"grant_type":"jwt_token"}`,
		},
		"as XML": {
			opts:        []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeXML)},
			contentType: "application/xml", body: xml,
		},
		"as text/xml": {
			opts:        []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeTextXML)},
			contentType: "text/xml", body: xml,
		},
		"as JSON, to the legacy endpoint": {
			opts: []wrapper.Option{wrapper.WithMediaType(wrapper.MediaTypeJSON), wrapper.WithLegacyEndpoint()},
			path: "/generatetoken", contentType: "application/json", body: `{"grant_type":"jwt_token"}`,
		},
		"with the caller's own header values": {
			opts: []wrapper.Option{
				wrapper.WithAccept(wrapper.MediaTypeTextXML), wrapper.WithApplication("billing"),
				wrapper.WithUserAgent("billing/1.2"),
			},
			contentType: form, body: grant,
			header: map[string]string{
				"Accept": "text/xml", "MS-PartnerCenter-Application": "billing", "User-Agent": "billing/1.2",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			if _, err := onSocket(t, s, test.opts...).GenerateToken(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := s.seen()[0]
			if test.path == "" {
				test.path = "/v3/generatetoken"
			}
			checkEqual(t, "method", got.method, "POST")
			checkEqual(t, "path", got.path, test.path)
			checkEqual(t, "body", got.body, test.body)
			want := map[string]string{
				"Authorization": "Bearer " + bearer, "Content-Type": test.contentType, "Accept-Encoding": "identity", "Idempotency-Key": "",
			}
			for key, value := range test.header {
				want[key] = value
			}
			for key, value := range want {
				checkEqual(t, key, got.header.Get(key), value)
			}
			if agent := got.header.Get("User-Agent"); test.header["User-Agent"] == "" && !strings.HasPrefix(agent, "partnercenter-go-generatetoken/") {
				t.Errorf("User-Agent is %q", agent)
			}
		})
	}
}

func TestClient_CallsTheGlobalServiceByDefault(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	if _, err := withBearer(t, wrapper.StaticBearer(bearer), on(s)).GenerateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "URL", s.seen()[0].url, "https://api.partnercenter.microsoft.com/v3/generatetoken")
}

func TestClient_TakesAPathInTheBaseURLForAPrefix(t *testing.T) {
	for _, end := range []string{"", "/"} {
		s := &script{answers: []answer{ok()}}
		if _, err := inMemory(t, s, wrapper.WithBaseURL("https://gateway.example/partner-center"+end)).GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "URL", s.seen()[0].url, "https://gateway.example/partner-center/v3/generatetoken")
	}
}

// Each attempt of each call starts from the same request, whatever a transport does to the one that it is given.
func TestClient_SendsTheSameWhateverATransportDoesToItsRequest(t *testing.T) {
	tests := map[string]func(*http.Request){
		"adds a header":        func(r *http.Request) { r.Header.Add("Cookie", "session=1") },
		"adds to a header":     func(r *http.Request) { r.Header.Add("Accept", "text/html") },
		"writes into a header": func(r *http.Request) { r.Header["Accept"][0], r.Header["User-Agent"][0] = "text/html", "proxy" },
		"removes headers":      func(r *http.Request) { clear(r.Header) },
		"replaces the bearer":  func(r *http.Request) { r.Header.Set("Authorization", "Basic canary") },
		"rewrites the URL":     func(r *http.Request) { r.URL.Scheme, r.URL.Host, r.URL.Path = "http", "proxy.example", "/elsewhere" },
		"adds a query":         func(r *http.Request) { r.URL.RawQuery = "key=canary" },
		"replaces the URL":     func(r *http.Request) { r.URL = nil },
		"sets the host":        func(r *http.Request) { r.Host = "proxy.example" },
		"changes the length":   func(r *http.Request) { r.ContentLength = 7 },
		"replaces the body":    func(r *http.Request) { r.GetBody = nil; r.Body = http.NoBody },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{failing(500), failing(500), ok(), failing(500), ok()}}
			type sent struct {
				url, host, body string
				length          int64
				header          http.Header
			}
			var seen []sent
			client := inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				got := sent{r.URL.String(), r.Host, "", r.ContentLength, r.Header.Clone()}
				resp, err := s.RoundTrip(r)
				got.body = s.seen()[len(s.seen())-1].body
				seen = append(seen, got)
				change(r)
				return resp, err
			}), quickly())
			for range 2 {
				// With ids of the caller's, the calls are the same too.
				id := uuid.MustParse("11111111-1111-4111-8111-111111111111")
				ctx := wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(t.Context(), id), id)
				if _, err := client.GenerateToken(ctx); err != nil {
					t.Fatal(err)
				}
			}
			checkEqual(t, "requests", len(seen), 5)
			for i, got := range seen {
				if !reflect.DeepEqual(got, seen[0]) {
					t.Errorf("request %d: %v, the first: %v", i+1, got, seen[0])
				}
			}
			checkEqual(t, "URL", seen[0].url, "https://service.example/v3/generatetoken")
			checkEqual(t, "bearer", seen[0].header.Get("Authorization"), "Bearer "+bearer)
		})
	}
}

func TestClient_SendsACookieOnce(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	sets := failing(500)
	sets.header = map[string]string{"Set-Cookie": "session=1"}
	s := &script{answers: []answer{sets, sets, sets, ok()}}
	server := httptest.NewServer(s)
	defer server.Close()
	httpClient := server.Client()
	httpClient.Jar = jar
	client := newClient(t, server.URL, quickly(), wrapper.WithHTTPClient(httpClient))
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var sent []string
	for _, r := range s.seen() {
		sent = append(sent, strings.Join(r.header["Cookie"], " and "))
	}
	if want := []string{"", "session=1", "session=1", "session=1", "session=1"}; !slices.Equal(sent, want) {
		t.Errorf("sent the cookies %q", sent)
	}
}

func TestClient_FetchesTheBearerOncePerCall(t *testing.T) {
	var calls int
	count := func(context.Context) (string, error) {
		calls++
		return bearer, nil
	}
	s := &script{answers: []answer{failing(500), failing(500), ok()}}
	client := withBearer(t, count, on(s), quickly())
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	checkEqual(t, "bearers", calls, 2)
}

func TestClient_ShowsNoBearer(t *testing.T) {
	client := withBearer(t, wrapper.StaticBearer(bearer))
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		if text := formatted(verb, client, *client); strings.Contains(text, "canary") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

func TestAPI_SendsABodyThatCannotBeRewoundAgain(t *testing.T) {
	const body = `{"grant_type":"jwt_token"}`
	s := &script{answers: []answer{failing(500), ok()}}
	reader := io.MultiReader(strings.NewReader(body))
	resp, err := onSocket(t, s, quickly()).API().GenerateTokenWithBodyWithResponse(t.Context(), nil, "application/json", reader)
	if err != nil || resp.JSON200 == nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	checkEqual(t, "token", resp.JSON200.AccessToken, "canary-access-token")
	checkEqual(t, "requests", len(s.seen()), 2)
	for _, r := range s.seen() {
		checkEqual(t, "body", r.body, body)
		checkEqual(t, "length", r.header.Get("Content-Length"), "26")
	}
}

func TestAPI_SendsNoBodyIfThereIsNone(t *testing.T) {
	s := &script{answers: []answer{failing(500), ok()}}
	resp, err := onSocket(t, s, quickly()).API().GenerateTokenWithBodyWithResponse(t.Context(), nil, "application/json", nil)
	if err != nil || resp.JSON200 == nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	for _, r := range s.seen() {
		checkEqual(t, "body", r.body, "")
	}
}

func TestAPI_HasTheHeadersAndTheBearer(t *testing.T) {
	s := &script{answers: []answer{failing(500), ok()}}
	id := uuid.New()
	_, err := onSocket(t, s, quickly()).API().GenerateTokenLegacyWithResponse(t.Context(), &gen.GenerateTokenLegacyParams{RequestID: &id}, gen.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "requests", len(s.seen()), 2)
	for _, r := range s.seen() {
		checkEqual(t, "path", r.path, "/generatetoken")
		checkEqual(t, "bearer", r.header.Get("Authorization"), "Bearer "+bearer)
		checkEqual(t, "Accept", r.header.Get("Accept"), "application/json")
		checkEqual(t, "request id", r.header.Get("ms-requestid"), id.String())
		checkEqual(t, "correlation id", r.header.Get("ms-correlationid"), s.seen()[0].header.Get("ms-correlationid"))
	}
}

func TestAPI_ReturnsFailuresTyped(t *testing.T) {
	s := &script{answers: []answer{failing(403)}}
	resp, err := onSocket(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if err != nil || resp.JSON403 == nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	checkEqual(t, "description", resp.JSON403.Description, "no")
}

// What is found out before anything is sent is nobody's connection.
func TestAPI_ShowsATraceOnlyWhatIsSent(t *testing.T) {
	server := httptest.NewServer(&script{answers: []answer{ok()}})
	t.Cleanup(server.Close)
	var asked, got atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Add(1) }, GotConn: func(httptrace.GotConnInfo) { got.Add(1) },
	})
	if _, err := newClient(t, server.URL).API().GenerateTokenWithResponse(ctx, nil, gen.TokenRequest{}); err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "connections asked for", asked.Load(), 1)
	checkEqual(t, "connections got", got.Load(), 1)
}

func TestAPI_ReportsThatNoAnswerCame(t *testing.T) {
	_, err := newClient(t, refusedURL(), quickly()).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	e := asError(t, err)
	checkEqual(t, "status", e.StatusCode, 0)
	checkEqual(t, "attempts", e.Attempts, 4)
	if uuid.Validate(e.RequestID) != nil {
		t.Errorf("the request id is %q", e.RequestID)
	}
}

func TestAPI_ReportsAnAnswerThatBrokeOff(t *testing.T) {
	s := &script{answers: []answer{{status: 400, contentType: "application/json", body: `{"code":"1"}`, length: 900}}}
	_, err := onSocket(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	e := asError(t, err)
	checkEqual(t, "status", e.StatusCode, 400)
	checkEqual(t, "unexpected EOF", errors.Is(err, io.ErrUnexpectedEOF), true)
}

// What a caller does to the client that API returned reaches neither GenerateToken nor the next API.
func TestAPI_IsTheCallersOwn(t *testing.T) {
	broken := roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("replaced") })
	tests := map[string]func(*gen.Client){
		"another client":          func(c *gen.Client) { c.Client = &http.Client{Transport: broken} },
		"no client":               func(c *gen.Client) { c.Client = nil },
		"another server":          func(c *gen.Client) { c.Server = "https://elsewhere.example/" },
		"no editors":              func(c *gen.Client) { c.RequestEditors = nil },
		"an editor in the place":  func(c *gen.Client) { c.RequestEditors[0] = refuse },
		"one more editor":         func(c *gen.Client) { c.RequestEditors = append(c.RequestEditors, refuse) },
		"an editor by its option": func(c *gen.Client) { _ = gen.WithRequestEditorFn(refuse)(c) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			client := inMemory(t, s)
			change(client.API().ClientInterface.(*gen.Client))
			if _, err := client.GenerateToken(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := client.API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{}); err != nil {
				t.Error(err)
			}
			for _, r := range s.seen() {
				checkEqual(t, "URL", r.url, "https://service.example/v3/generatetoken")
				checkEqual(t, "bearer", r.header.Get("Authorization"), "Bearer "+bearer)
			}
		})
	}
}

func refuse(context.Context, *http.Request) error { return errors.New("replaced") }

// Nothing of a caller's editor, which runs last, may stay for the next call.
func TestAPI_EditsOneCall(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	client := inMemory(t, s)
	edit := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer another")
		r.Header["Accept"][0] = "text/xml"
		return nil
	}
	for _, editors := range [][]gen.RequestEditorFn{{edit}, nil} {
		if _, err := client.API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{}, editors...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.GenerateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "the edited bearer", s.seen()[0].header.Get("Authorization"), "Bearer another")
	for _, r := range s.seen()[1:] {
		checkEqual(t, "bearer", r.header.Get("Authorization"), "Bearer "+bearer)
		checkEqual(t, "Accept", r.header.Get("Accept"), "application/json")
	}
}

func TestClient_LeavesABodyThatNeverEndsWithItsContext(t *testing.T) {
	for name, status := range map[string]int{"a token": 200, "an error": 500, "a protocol switched": 101} {
		t.Run(name, func(t *testing.T) {
			client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: newDeaf()}, nil
			}))
			within(t, 5*time.Second, func() {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				if token, err := client.GenerateToken(ctx); err == nil {
					t.Errorf("got %v", token)
				}
			})
		})
	}
}

func TestClient_BringsFewPackages(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"github.com/partnercenter-go/generatetoken/wrapper",
		"github.com/partnercenter-go/generatetoken/gen",
		"github.com/oapi-codegen/runtime",
		"github.com/oapi-codegen/runtime/types",
		"github.com/apapsch/go-jsonmerge/v2", // the runtime's own
		"github.com/google/uuid",
	}
	packages := strings.Fields(string(out))
	if len(packages) < 2 {
		t.Fatalf("go list printed %q", out)
	}
	for _, p := range packages {
		if !slices.Contains(allowed, p) {
			t.Errorf("wrapper imports %s", p)
		}
	}
}
