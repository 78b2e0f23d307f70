package wrapper_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// issued begins every token of an issuer.
const issued = "canary-token-"

// issuer is a token endpoint that answers at once with a token of its own: canary-token-1, and so on, as many as it may.
type issuer struct {
	exchanges atomic.Int64
	most      int64 // 0: as many as are asked for
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	a := failing(http.StatusForbidden)
	if n := i.exchanges.Add(1); i.most == 0 || n <= i.most {
		a = answer{status: 200, contentType: "application/json", body: fmt.Sprintf(`{"access_token":"%s%d","expires_in":3600}`, issued, n)}
	}
	return (&script{answers: []answer{a}}).RoundTrip(r)
}

// body is a body that says whether it was closed.
type body struct {
	io.Reader
	closed atomic.Bool
}

func (b *body) Close() error { b.closed.Store(true); return nil }

// bodies is a resource that keeps the bodies of all its answers. It changes the requests that it is given, as no
// transport should.
type bodies struct {
	answers []answer
	kept    []*body
}

func (b *bodies) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	req.URL.Host, req.URL.Path = "elsewhere.example", "/else"
	req.Header.Set("X-Mine", "changed")
	req.Header.Add("X-More", "changed")
	req.Host, req.Method, req.ContentLength = "elsewhere.example", "ELSE", -1
	a := b.answers[min(len(b.kept), len(b.answers)-1)]
	b.kept = append(b.kept, &body{Reader: strings.NewReader(a.body)})
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Body: b.kept[len(b.kept)-1]}, nil
}

func TestTransport_ClosesEveryBodyAndChangesNoRequest(t *testing.T) {
	broken := answer{err: errors.New("broken")}
	tests := map[string]struct {
		answers     []answer
		first, most int64 // exchanges that were made before, and that bring a token
		fails       bool
	}{
		"nothing refused":         {answers: []answer{{status: 200}}},
		"refused once":            {answers: []answer{unauthorized(long), {status: 200}}},
		"refused twice":           {answers: []answer{unauthorized(long), unauthorized(long)}},
		"broken":                  {answers: []answer{broken}, fails: true},
		"refused, then broken":    {answers: []answer{unauthorized(""), broken}, fails: true},
		"no token":                {answers: []answer{{status: 200}}, first: 1, most: 1, fails: true},
		"no second token":         {answers: []answer{unauthorized(long)}, most: 1},
		"refused for lack of MFA": {answers: []answer{unauthorized(`{"code":"900421"}`)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var sent []*body
			getBody := func() (io.ReadCloser, error) {
				sent = append(sent, &body{Reader: strings.NewReader("upload")})
				return sent[len(sent)-1], nil
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://a.example/v1", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header["X-Mine"] = []string{"mine"}
			req.Body, _ = getBody()
			req.GetBody, req.ContentLength = getBody, 6
			given := req.Clone(t.Context())

			issuer := &issuer{most: test.most}
			issuer.exchanges.Add(test.first)
			resource := &bodies{answers: test.answers}
			resp, err := wrapper.NewTransport(source(t, issuer), resource, "a.example").RoundTrip(req)
			if (err != nil) != test.fails {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				_ = resp.Body.Close()
				if resp.Request != req {
					t.Errorf("the response is to another request: %v", resp.Request)
				}
			}
			for i, b := range sent {
				if !b.closed.Load() {
					t.Errorf("body %d of the request was not closed", i+1)
				}
			}
			for i, b := range resource.kept {
				if !b.closed.Load() && test.answers[i].err == nil {
					t.Errorf("the body of answer %d was not closed", i+1)
				}
			}
			if !maps.EqualFunc(req.Header, given.Header, slices.Equal) || *req.URL != *given.URL || req.Host != given.Host ||
				req.Method != given.Method || req.ContentLength != given.ContentLength || req.Body != sent[0] {
				t.Errorf("the request became %v, was %v", req, given)
			}
		})
	}
}

func TestTransport_LeavesARequestWithAnAuthorizationAlone(t *testing.T) {
	for _, authorization := range []string{"Basic b3du", ""} {
		resource := &script{answers: []answer{unauthorized("first")}}
		issuer := &issuer{}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
		resp, err := wrapper.NewTransport(source(t, issuer), resource, "a.example").RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		got := resource.seen()
		if resp.StatusCode != 401 || len(got) != 1 || got[0].header.Get("Authorization") != authorization || issuer.exchanges.Load() != 0 {
			t.Errorf("%q: got %d after %d requests and %d exchanges", authorization, resp.StatusCode, len(got), issuer.exchanges.Load())
		}
	}
}

func TestTransport_HandsOnTheErrorOfItsSource(t *testing.T) {
	i := &issuer{most: 1}
	i.exchanges.Add(1)
	resource := &script{answers: []answer{{status: 200}}}
	_, err := (&http.Client{Transport: wrapper.NewTransport(source(t, i), resource, "a.example")}).Get("https://a.example/")
	wantKind(t, err, wrapper.ErrForbidden)
	if n := len(resource.seen()); n != 0 {
		t.Errorf("the resource got %d requests", n)
	}
}

// baseFunc is a base that is less than a transport should be.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransport_SurvivesABaseThatBreaksItsContract(t *testing.T) {
	for name, resp := range map[string]*http.Response{"no body": {StatusCode: 401}, "no response": nil} {
		base := baseFunc(func(r *http.Request) (*http.Response, error) {
			if resp == nil || r.Header.Get("Authorization") == "Bearer "+issued+"1" {
				return resp, nil
			}
			return &http.Response{StatusCode: 200}, nil
		})
		got, err := wrapper.NewTransport(source(t, &issuer{}), base, "a.example").RoundTrip(&http.Request{URL: &url.URL{Scheme: "https", Host: "a.example"}})
		if err != nil || (got == nil) != (resp == nil) || got != nil && got.StatusCode != 200 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if _, err := wrapper.NewTransport(source(t, &issuer{}), nil).RoundTrip(&http.Request{}); err == nil {
		t.Error("a request without a URL succeeded")
	}
}

func TestTransport_PassesCloseIdleConnectionsOn(t *testing.T) {
	base := &closing{}
	(&http.Client{Transport: wrapper.NewTransport(source(t, &issuer{}), base)}).CloseIdleConnections()
	if base.closed != 1 {
		t.Errorf("it was called %d times", base.closed)
	}
	(&http.Client{Transport: wrapper.NewTransport(source(t, &issuer{}), baseFunc(nil))}).CloseIdleConnections() // which has none
}

type closing struct {
	http.RoundTripper
	closed int
}

func (c *closing) CloseIdleConnections() { c.closed++ }

func TestTransport_ShowsNoToken(t *testing.T) {
	resource := &script{answers: []answer{{status: 200, contentType: "text/plain"}}}
	client := &http.Client{Transport: wrapper.NewTransport(source(t, &issuer{}), resource, "a.example")}
	resp, err := client.Get("https://a.example/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if sent := resource.seen()[0].header; !strings.Contains(fmt.Sprint(sent), issued) {
		t.Fatalf("there is no token to show: %v", sent)
	}
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	for name, v := range map[string]any{
		"transport": client.Transport, "client": client, "value": *client, "response": resp, "request": resp.Request, "header": resp.Request.Header,
		"field": struct{ client http.RoundTripper }{client.Transport},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%p", "%T"} {
			if shown := fmt.Sprintf(verb, v); strings.Contains(shown, "canary") || strings.Contains(shown, fmt.Sprintf("%x", issued)) {
				t.Errorf("%s by %s: %s", name, verb, shown)
			}
		}
		if shown, _ := json.Marshal(v); bytes.Contains(shown, []byte("canary")) {
			t.Errorf("%s in JSON: %s", name, shown)
		}
		logger.Info("x", "v", v)
	}
	if strings.Contains(logged.String(), "canary") {
		t.Errorf("it was logged: %s", &logged)
	}
}
