package emulator_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
)

// statusUnder sends a request for a path under a Host.
func statusUnder(t *testing.T, client *http.Client, url, host string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	return read(t, client, req)
}

func TestHost_HasToBeTheEmulators(t *testing.T) {
	named := emulator.WithHosts("emulator.example", "192.0.2.7", "2001:db8::1")
	for host, status := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:1": 200, "[::1]:8080": 200, "[::1]": 200, "localhost": 200, "LocalHost:80": 200, "127.3.2.1": 200,
		"emulator.example": 200, "Emulator.Example:8080": 200, "192.0.2.7:8080": 200, "[2001:db8::1]:8080": 200,
		"evil.example": 421, "evil.example:80": 421, "localhost.evil.example": 421, "evil-localhost": 421, "127.0.0.1.evil.example": 421,
		"192.0.2.8": 421, "0.0.0.0": 421, "x.emulator.example": 421, "[2001:db8::2]": 421,
	} {
		t.Run(host, func(t *testing.T) {
			server := start(t, named)
			if resp, body := statusUnder(t, server.Client(), server.URL+"/healthz", host); resp.StatusCode != status {
				t.Errorf("got %s %s", resp.Status, body)
			}
		})
	}
}

func TestHost_IsCheckedBeforeAnythingElse(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{Status: 500}), emulator.WithEntra())
	for _, path := range []string{
		"/v3/generatetoken", "/_emulator/requests", "/_emulator/openapi.yaml", "/openapi.yaml", "/a/v2.0/.well-known/openid-configuration",
	} {
		resp, body := statusUnder(t, server.Client(), server.URL+path, "evil.example")
		var e gen.Error
		decode(t, resp, body, &e)
		if resp.StatusCode != 421 || e.Code != "421" || !strings.Contains(e.Description, `"evil.example"`) || !strings.Contains(e.Description, "--host (in Go, WithHosts)") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if len(server.Requests()) != 0 {
		t.Error("such a request is kept")
	}
	if len(server.Faults()) != 1 {
		t.Error("such a request met the fault")
	}
}

func TestHost_IsCheckedInAServerOfOnesOwn(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	defer server.Close()
	if resp, _ := statusUnder(t, server.Client(), server.URL+"/healthz", "evil.example"); resp.StatusCode != 421 {
		t.Errorf("got %s", resp.Status)
	}
}

func TestHost_MayBeAnyWithoutAConnection(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://example.com/healthz", http.NoBody))
	if w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}

func TestWithHosts_RefusesWhatIsNoHost(t *testing.T) {
	for _, name := range []string{"", "a:80", "[::1]:80", "https://a", "*.example", "a b", "user@a"} {
		if _, err := emulator.New(emulator.WithHosts(name)); err == nil || !strings.Contains(err.Error(), "WithHosts") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWithHosts_AreInTheCertificate(t *testing.T) {
	server, err := emulator.StartTLS(emulator.WithHosts("emulator.example", "192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	for name, says := range map[string]string{"emulator.example": "", "192.0.2.7": "", "localhost": "", "evil.example": "evil.example"} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(server.URL, "https://"), &tls.Config{RootCAs: trusted.RootCAs, ServerName: name})
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != (says == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithRemoteClients_ListensEverywhere(t *testing.T) {
	server, err := emulator.Listen("0.0.0.0:0", emulator.WithRemoteClients())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if !strings.HasPrefix(server.URL, "http://127.0.0.1:") {
		t.Errorf("the URL is %s", server.URL)
	}
	if resp, _ := call(t, server, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("got %s", resp.Status)
	}
}
