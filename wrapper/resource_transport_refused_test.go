package wrapper_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// unauthorized is a 401 of a resource.
func unauthorized(body string) answer {
	return answer{status: 401, contentType: "text/any", body: body}
}

var long = strings.Repeat("long ", 100<<10)

func TestTransport_TriesA401OnceMoreIfAnotherTokenMayHelp(t *testing.T) {
	const mfaJSON = `{"code":"900421","description":"no MFA","source":"test"}`
	blank := strings.Repeat(" ", 100<<10)
	const mfaXML = `<?xml version="1.0"?><Error xmlns="urn:any"><code>900421</code><description>no MFA</description></Error>`
	once := []answer{unauthorized("first"), {status: 200, body: "done"}}
	streamed := func() io.Reader { return io.MultiReader(strings.NewReader("upload")) }
	tests := map[string]struct {
		answers []answer
		body    func() io.Reader
		getBody error
		most    int64 // exchanges that bring a token
		status  int
		got     string
		sent    []string // the tokens' numbers
		drops   bool     // the token that was sent last
	}{
		"nothing refused":          {answers: []answer{{status: 200, body: "done"}}, status: 200, got: "done", sent: []string{"1"}},
		"refused once":             {answers: once, status: 200, got: "done", sent: []string{"1", "2"}},
		"refused twice":            {answers: []answer{unauthorized("first"), unauthorized("second")}, status: 401, got: "second", sent: []string{"1", "2"}, drops: true},
		"refused, then for MFA":    {answers: []answer{unauthorized("first"), unauthorized(mfaJSON)}, status: 401, got: mfaJSON, sent: []string{"1", "2"}},
		"forbidden":                {answers: []answer{{status: 403, body: "no"}}, status: 403, got: "no", sent: []string{"1"}},
		"a long refusal":           {answers: []answer{unauthorized(long), {status: 200}}, status: 200, sent: []string{"1", "2"}},
		"two long refusals":        {answers: []answer{unauthorized(long)}, status: 401, got: long, sent: []string{"1", "2"}, drops: true},
		"an empty refusal":         {answers: []answer{unauthorized(""), {status: 200}}, status: 200, sent: []string{"1", "2"}},
		"MFA, JSON":                {answers: []answer{unauthorized(mfaJSON)}, status: 401, got: mfaJSON, sent: []string{"1"}},
		"MFA, a number":            {answers: []answer{unauthorized(`{"code":900421}`)}, status: 401, got: `{"code":900421}`, sent: []string{"1"}},
		"MFA, XML":                 {answers: []answer{unauthorized(mfaXML)}, status: 401, got: mfaXML, sent: []string{"1"}},
		"MFA, long":                {answers: []answer{unauthorized(mfaJSON + blank)}, status: 401, got: mfaJSON + blank, sent: []string{"1"}},
		"another code":             {answers: []answer{unauthorized(`{"code":"900420"}`), {status: 200}}, status: 200, sent: []string{"1", "2"}},
		"MFA in a description":     {answers: []answer{unauthorized(`{"code":"1","description":"900421"}`), {status: 200}}, status: 200, sent: []string{"1", "2"}},
		"rewindable upload":        {answers: once, body: func() io.Reader { return strings.NewReader("upload") }, status: 200, got: "done", sent: []string{"1", "2"}},
		"no body that can rewind":  {answers: once, body: func() io.Reader { return http.NoBody }, status: 200, got: "done", sent: []string{"1", "2"}},
		"streaming upload":         {answers: once, body: streamed, status: 401, got: "first", sent: []string{"1"}, drops: true},
		"an upload cannot rewind":  {answers: once, body: streamed, getBody: errors.New("gone"), status: 401, got: "first", sent: []string{"1"}, drops: true},
		"no second token":          {answers: once, most: 1, status: 401, got: "first", sent: []string{"1"}, drops: true},
		"no second token, upload":  {answers: once, most: 1, body: func() io.Reader { return strings.NewReader("upload") }, status: 401, got: "first", sent: []string{"1"}, drops: true},
		"no second token for long": {answers: []answer{unauthorized(long)}, most: 1, status: 401, got: long, sent: []string{"1"}, drops: true},
	}
	for name, test := range tests {
		for protocol, http2 := range protocols {
			t.Run(name+" "+protocol, func(t *testing.T) {
				resource := &script{answers: test.answers}
				server := httptest.NewUnstartedServer(resource)
				server.EnableHTTP2 = http2
				server.StartTLS()
				t.Cleanup(server.Close)
				s := source(t, &issuer{most: test.most})
				var body io.Reader
				if test.body != nil {
					body = test.body()
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, body)
				if err != nil {
					t.Fatal(err)
				}
				if test.getBody != nil {
					req.GetBody = func() (io.ReadCloser, error) { return nil, test.getBody }
				}
				resp, err := (&http.Client{Transport: wrapper.NewTransport(s, server.Client().Transport, "127.0.0.1")}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != test.status || string(got) != test.got || err != nil {
					t.Errorf("got %d, %d bytes %.20q, %v; want %d, %d bytes %.20q", resp.StatusCode, len(got), got, err, test.status, len(test.got), test.got)
				}
				var sent []string
				for _, r := range resource.seen() {
					sent = append(sent, strings.TrimPrefix(r.header.Get("Authorization"), "Bearer "+issued))
					if want := map[bool]string{true: "upload"}[body != nil && body != http.NoBody]; r.body != want {
						t.Errorf("it was sent the body %q, want %q", r.body, want)
					}
				}
				if !slices.Equal(sent, test.sent) {
					t.Errorf("it was sent the tokens %v, want %v", sent, test.sent)
				}
				token, err := s.Token(t.Context())
				if dropped := err != nil || token.AccessToken != issued+sent[len(sent)-1]; dropped != test.drops {
					t.Errorf("the last token was dropped: %t", dropped)
				}
			})
		}
	}
}

func TestTransport_AHundredCallersRefusedAtOnceCauseOneExchange(t *testing.T) {
	const callers = 100
	var arrived sync.WaitGroup
	arrived.Add(callers)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+issued+"1" {
			arrived.Done()
			arrived.Wait()
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	i := &issuer{}
	client := &http.Client{Transport: wrapper.NewTransport(source(t, i), server.Client().Transport, "127.0.0.1")}
	var served atomic.Int64
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			resp, err := client.Post(server.URL, "text/plain", strings.NewReader("upload"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err == nil && string(got) == "upload" && resp.StatusCode == http.StatusOK {
				served.Add(1)
			}
		})
	}
	done.Wait()
	if n := i.exchanges.Load(); served.Load() != callers || n != 2 {
		t.Errorf("%d of %d callers were served, by %d exchanges", served.Load(), callers, n)
	}
}

// alwaysRefused is a resource that no token is good for, in fake time.
var alwaysRefused = baseFunc(func(*http.Request) (*http.Response, error) {
	time.Sleep(10 * time.Millisecond)
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: io.NopCloser(strings.NewReader("never"))}, nil
})

func TestTransport_AResourceThatRefusesEveryTokenCostsAnExchangeInHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, hours = 50, 3
		e := &endpoint{}
		client := &http.Client{Transport: wrapper.NewTransport(source(t, e), alwaysRefused, "a.example")}
		end, requests := time.Now().Add(hours*time.Hour), atomic.Int64{}
		var done sync.WaitGroup
		for range callers {
			done.Go(func() {
				for time.Now().Before(end) {
					resp, err := client.Get("https://a.example/")
					if err != nil || resp.StatusCode != http.StatusUnauthorized {
						t.Errorf("got %v, %v", resp, err)
						return
					}
					_ = resp.Body.Close()
					requests.Add(1)
				}
			})
		}
		done.Wait()
		// The distance is between 15 and 30 seconds once it has grown, and an exchange takes one.
		if n := e.count(); n < hours*3600/31 || n > hours*3600/16+20 {
			t.Errorf("%d exchanges for %d requests in %d hours", n, requests.Load(), hours)
		}
	})
}

func TestTransport_ACallerThatCannotWaitForTheSecondTokenGetsThe401(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: wrapper.NewTransport(source(t, &endpoint{}), alwaysRefused, "a.example")}
		for range 12 { // until exchanges keep their distance
			resp, err := client.Get("https://a.example/")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		pass(time.Minute) // a token can be had at once, and then no more for long
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://a.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if ctx.Err() == nil || resp.StatusCode != http.StatusUnauthorized || string(got) != "never" || err != nil {
			t.Errorf("got %d %q, %v, and the context's %v", resp.StatusCode, got, err, ctx.Err())
		}
	})
}

func TestTransport_A401ThatBreaksOffDoesSoForItsReader(t *testing.T) {
	for protocol, http2 := range protocols {
		t.Run(protocol, func(t *testing.T) {
			a := unauthorized("so far")
			a.length = 100
			server := httptest.NewUnstartedServer(&script{answers: []answer{a}})
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)
			client := &http.Client{Transport: wrapper.NewTransport(source(t, &issuer{}), server.Client().Transport, "127.0.0.1")}
			resp, err := client.Post(server.URL, "text/plain", io.MultiReader(strings.NewReader("upload")))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); string(got) != "so far" || err == nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
