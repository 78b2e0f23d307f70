package emulator_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A service's tests import this package, and a page or a command line would come with it.
func TestEmulator_ImportsNoPageAndNoCommandLine(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "github.com/getkin/kin-openapi/openapi3filter") {
		t.Fatalf("go list printed %q", out)
	}
	for _, p := range packages {
		if strings.Contains(p, "swgui") || strings.Contains(p, "cobra") || strings.HasSuffix(p, "net/http/httptest") || p == "testing" {
			t.Errorf("emulator imports %s", p)
		}
	}
}
