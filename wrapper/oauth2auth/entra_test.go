package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// entra plays Entra's token endpoint, without a socket: it is the transport of the client in its context. Refresh tokens
// are canary-refresh-0, -1, and so on; the one numbered n comes with the access token canary-access-n.
type entra struct {
	mu      sync.Mutex
	forms   []url.Values // what it was sent
	headers []http.Header
	// answer replaces the answer to the nth request, beginning with 1, if it is there.
	answer func(w http.ResponseWriter, r *http.Request, n int)
}

func (e *entra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	e.forms, e.headers = append(e.forms, r.PostForm), append(e.headers, r.Header)
	n := len(e.forms)
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if e.answer != nil {
		e.answer(w, r, n)
		return
	}
	grant(w, n, `"expires_in":3600,`)
}

// grant answers with the nth pair of tokens.
func grant(w io.Writer, n int, members string) {
	fmt.Fprintf(w, `{"token_type":"Bearer",%s"access_token":"canary-access-%d","refresh_token":"canary-refresh-%d"}`, members, n, n)
}

func (e *entra) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (e *entra) requests() []url.Values {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.forms
}

// in returns a context in which x/oauth2 reaches e.
func (e *entra) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: e})
}

var config = &oauth2.Config{
	ClientID:     "an-application",
	ClientSecret: "canary-client-secret",
	Endpoint:     oauth2.Endpoint{TokenURL: "https://entra.example/a-tenant/oauth2/v2.0/token"},
	Scopes:       []string{"offline_access", "https://api.partnercenter.microsoft.com/user_impersonation"},
}

// memory is a store whose next failures are errors of Save.
type memory struct {
	mu       sync.Mutex
	token    string
	saves    int
	failures int
	save     func(ctx context.Context) // what a save has to wait for, if anything
}

var errStore = errors.New("the vault is sealed")

func (m *memory) Load(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token, nil
}

func (m *memory) Save(ctx context.Context, token string) error {
	if m.save != nil {
		m.save(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	if m.failures > 0 {
		m.failures--
		return fmt.Errorf("%w: it got %s", errStore, token)
	}
	m.token = token
	return nil
}

func stored() *memory { return &memory{token: "canary-refresh-0"} }

// bear returns what bearer does, and ends the test if that is an error.
func bear(t *testing.T, ctx context.Context, bearer wrapper.BearerFunc) string {
	t.Helper()
	token, err := bearer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
