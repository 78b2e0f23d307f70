package e2e

import (
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

// careless is what a colleague adds to the README's service.
const careless = `	for _, v := range []any{client, source, partner, *partner, partner.Transport, resp, resp.Request, *resp.Request} {
		fmt.Printf("%v\n%+v\n%#v\n", v, v, v)
	}
`

// The README's program goes, as it stands, into an empty module, and meets an emulator whose resource refuses the first
// token: it has been revoked.
func TestREADME_AServiceThatIsTypedInCallsAResourceAndSurvivesARevokedToken(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent []string // the headers that the resource got
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_emulator/resource" {
			mu.Lock()
			if sent = append(sent, r.Header.Get("Authorization")); len(sent) == 1 {
				e.Revoke()
			}
			mu.Unlock()
		}
		e.ServeHTTP(w, r)
	}))
	t.Cleanup(service.Close)

	program := serviceBlock(t)
	for name, source := range map[string]string{
		"as it stands":            program,
		"with everything printed": strings.Replace(program, "\tdefer resp", careless+"\tdefer resp", 1),
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			sent = nil
			mu.Unlock()
			run := exec.CommandContext(t.Context(), typedIn(t, source), service.URL)
			out, err := run.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "200 OK") {
				t.Errorf("%v\n%s", err, out)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(sent) != 2 || sent[0] == sent[1] {
				t.Errorf("the resource got %d requests, want two with different tokens", len(sent))
			}
			for _, authorization := range sent {
				if token := strings.TrimPrefix(authorization, "Bearer "); token == "" || strings.Contains(string(out), token) {
					t.Errorf("there is no token, or it was printed:\n%s", out)
				}
			}
		})
	}
}

// typedIn builds a program in an empty module and returns its path.
func typedIn(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"main.go": program,
		"go.mod":  "module example.com/service\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n",
		"go.sum":  string(sums),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", "service", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "service")
}

// serviceBlock returns the README's program that calls a resource.
func serviceBlock(t *testing.T) string {
	t.Helper()
	for _, b := range read(t, "../README.md").blocks(t) {
		if b.language == "go" && strings.Contains(b.text, "wrapper.NewTransport(") && strings.HasPrefix(b.text, "package main") {
			return b.text
		}
	}
	t.Fatal("the README has no program that calls a resource")
	return ""
}
