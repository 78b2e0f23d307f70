package e2e

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// typedService is a program around the README's block, and what a careless colleague adds to it.
const typedService = `package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"` + module + `/wrapper"
	"` + module + `/wrapper/azureauth"
)

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run() error {
%s
	for _, v := range []any{client, source, partner, *partner, partner.Transport, resp, resp.Request, *resp.Request} {
		fmt.Printf("%%v\n%%+v\n%%#v\n", v, v, v)
	}
	fmt.Println("the resource answered", resp.Status)
	return nil
}
`

// The README's block goes, as it stands, into an empty module, and meets an emulator in place of Entra and of the service.
// The resource refuses the first token: it has been revoked.
func TestREADME_AServiceThatIsTypedInCallsAResourceAndSurvivesARevokedToken(t *testing.T) {
	var server *emulator.Server
	var mu sync.Mutex
	var sent []string // the headers that the resource got
	customers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if sent = append(sent, r.Header.Get("Authorization")); len(sent) == 1 {
			server.Revoke()
		}
		resource := r.Clone(r.Context())
		resource.URL.Path = "/_emulator/resource"
		server.ServeHTTP(w, resource)
	})
	discovery := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"tenant_discovery_endpoint":"https://login.microsoftonline.com/`+tenant+`/v2.0/.well-known/openid-configuration",
			"metadata":[{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.windows.net","aliases":["login.microsoftonline.com"]}]}`)
	})
	server, err := emulator.StartTLS(emulator.WithEntra(), emulator.WithStrictBearers(),
		emulator.WithHosts("api.partnercenter.microsoft.com", "login.microsoftonline.com"),
		emulator.WithHandler("GET /v1/customers", customers), emulator.WithHandler("GET /common/discovery/instance", discovery))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)

	dir := t.TempDir()
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Authority().Raw})
	for name, content := range map[string]string{
		"main.go":         fmt.Sprintf(typedService, resourceBlock(t)),
		"go.mod":          "module example.com/service\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n",
		"go.sum":          string(sums),
		"certificate.pem": string(certificate),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "service")
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary)
	run.Env = []string{
		"HTTPS_PROXY=" + everywhere(t, server.URL), "SSL_CERT_FILE=" + filepath.Join(dir, "certificate.pem"),
		"AZURE_TENANT_ID=" + tenant, "AZURE_CLIENT_ID=an-application", "AZURE_CLIENT_SECRET=a-secret",
	}
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the resource answered 200 OK") {
		t.Errorf("%v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(sent) != 2 || sent[0] == sent[1] {
		t.Errorf("the resource got %d requests, want two with different tokens", len(sent))
	}
	for _, authorization := range append(sent, "Bearer eyJ") {
		if token := strings.TrimPrefix(authorization, "Bearer "); token == "" || strings.Contains(string(out), token) {
			t.Errorf("there is no token, or it was printed:\n%s", out)
		}
	}
}

const tenant = "5a3d9a0c-0000-4000-8000-47c7ecd2edbd"

// resourceBlock returns the README's block that calls a resource.
func resourceBlock(t *testing.T) string {
	t.Helper()
	var found []string
	for _, b := range readmeBlocks(t) {
		if b.language == "go" && strings.Contains(b.text, "wrapper.NewTransport(") {
			found = append(found, b.text)
		}
	}
	if len(found) != 1 || strings.Count(found[0], "\n") > 20 {
		t.Fatalf("the README calls a resource in %d blocks, want one of at most 20 lines", len(found))
	}
	return found[0]
}

// everywhere returns the URL of a proxy that takes every connection to a server.
func everywhere(t *testing.T, server string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "it takes CONNECT alone", http.StatusMethodNotAllowed)
			return
		}
		there, err := new(net.Dialer).DialContext(r.Context(), "tcp", strings.TrimPrefix(server, "https://"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		var done sync.WaitGroup
		for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
			done.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
			})
		}
		done.Wait()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}
