package azureauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

func retryable(err error) bool {
	var r interface{ Retryable() bool }
	return errors.As(err, &r) && r.Retryable()
}

// entraThat returns a server that plays Entra as far as azidentity needs it, and answers for tokens as it is told.
func entraThat(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /"+tenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer":                 server.URL + "/" + tenant + "/v2.0",
			"authorization_endpoint": server.URL + "/authorize",
			"token_endpoint":         server.URL + "/token",
		})
	})
	mux.HandleFunc("POST /token", answer)
	return server
}

func failure(t *testing.T, answer http.HandlerFunc) error {
	t.Helper()
	server := entraThat(t, answer)
	token, err := azureauth.Bearer(credentialAt(t, server.URL, "canary-client-secret", server.Client()))(t.Context())
	if err == nil || token != "" {
		t.Fatalf("the token is %q", token)
	}
	return err
}

func refuse(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"some_code","error_description":"AADSTS0: said Entra."}`)
	}
}

func TestBearer_ErrorsSayWhetherToTryAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   bool
	}{
		"408":              {refuse(408), true},
		"429":              {refuse(429), true},
		"500":              {refuse(500), true},
		"503":              {refuse(503), true},
		"a cut connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true},
		"400":              {refuse(400), false},
		"401":              {refuse(401), false},
		"200 with HTML":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, false},
	} {
		err := failure(t, c.answer)
		if got := retryable(err); got != c.want {
			t.Errorf("%s: Retryable is %t: %v", name, got, err)
		}
		if !strings.Contains(err.Error(), "Entra") {
			t.Errorf("%s: Entra is not named: %v", name, err)
		}
		var failed *azidentity.AuthenticationFailedError
		if !errors.As(err, &failed) {
			t.Errorf("%s: the error of azidentity is not in %v", name, err)
		}
	}
}

func TestBearer_ErrorsOfANetworkThatIsDownAreRetryable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	bearer := azureauth.Bearer(credentialAt(t, "https://"+listener.Addr().String(), "a-secret", http.DefaultClient))
	_, err = client(t, bearer, partnerCenter(t)).GenerateToken(t.Context())
	var failed *wrapper.Error
	if !errors.As(err, &failed) || !failed.Retryable() || !strings.Contains(err.Error(), "Entra") {
		t.Errorf("got %v", err)
	}
}

func TestBearer_ErrorsOfAnUntrustedCertificateAreNotRetryable(t *testing.T) {
	server := entraThat(t, refuse(503))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	cred := credentialAt(t, server.URL, "a-secret", &http.Client{Transport: transport})
	if _, err := azureauth.Bearer(cred)(t.Context()); err == nil || retryable(err) {
		t.Errorf("got %v", err)
	}
}

func TestBearer_ErrorsOfACallerThatGaveUpAreNotRetryable(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := entraThat(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the caller left
		cancel()
		<-r.Context().Done()
	})
	if _, err := azureauth.Bearer(credentialAt(t, server.URL, "a-secret", server.Client()))(ctx); err == nil || retryable(err) {
		t.Errorf("got %v", err)
	}
}

// credentialFunc is a credential that is a function.
type credentialFunc func(ctx context.Context) (azcore.AccessToken, error)

func (f credentialFunc) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx)
}

func TestBearer_ErrorsAfterLookingForAMetadataServiceAreNotRetryable(t *testing.T) {
	// As a default credential does on a machine that has no identity: it looks, and goes on to others.
	down := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no route to host")
	}}}
	_, err := azureauth.Bearer(credentialFunc(func(ctx context.Context) (azcore.AccessToken, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://169.254.169.254/metadata", http.NoBody)
		if err != nil {
			return azcore.AccessToken{}, err
		}
		if resp, err := down.Do(req); err == nil {
			_ = resp.Body.Close()
		}
		return azcore.AccessToken{}, azidentity.NewCredentialUnavailableError("there is no identity here")
	}))(t.Context())
	if err == nil || retryable(err) || !strings.Contains(err.Error(), "no identity here") {
		t.Errorf("got %v", err)
	}
}

func TestBearer_ErrorsKeepSecretsThatEntraSends(t *testing.T) {
	for name, format := range map[string]string{
		"an answer that is cut": `{"token_type":"Bearer","access_token":"canary-access-token-1"`,
		"the client's secret":   `<p>you sent %s</p>`,
	} {
		for _, status := range []int{200, 400, 503} {
			err := failure(t, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				w.WriteHeader(status)
				_, _ = io.WriteString(w, strings.ReplaceAll(format, "%s", r.PostForm.Get("client_secret")))
			})
			for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %#v %q", err, err, err, err)} {
				if strings.Contains(text, "canary") {
					t.Errorf("%s, %d: %s", name, status, text)
				}
			}
		}
	}
}

func TestNil_PanicsWhereItIsPassed(t *testing.T) {
	var failed *azidentity.ClientSecretCredential // as its constructor returns it with an error
	for name, call := range map[string]func(){
		"azureauth: Bearer(nil)":       func() { azureauth.Bearer(nil) },
		"azureauth: Bearer(nil): pass": func() { azureauth.Bearer(failed) },
		"azureauth: Credential(nil)":   func() { azureauth.Credential((*wrapper.TokenSource)(nil)) },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, name) {
					t.Errorf("%s: the panic says %q", name, said)
				}
			}()
			call()
		}()
	}
}
