package e2e

import (
	"os/exec"
	"testing"
)

// Linters of OpenAPI hold the contract and the description of the emulator's admin API to their rules. Spectral looks at
// the contract alone.
func TestLinters_HaveNoObjection(t *testing.T) {
	redocly, spectral := judge{name: "Redocly, documents"}, judge{name: "Spectral, documents"}
	lint := func(j *judge, document, tool string, args ...string) {
		t.Helper()
		j.run(t, j.name+" "+document, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "node_modules/.bin/"+tool, append(args, document)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	lint(&redocly, specFile, "redocly", "lint")
	// The admin API's own answers need no 4xx: what it refuses is in HTTP's terms.
	lint(&redocly, "../emulator/admin.yaml", "redocly", "lint", "--skip-rule=operation-4xx-response")
	lint(&spectral, specFile, "spectral", "lint", "--fail-severity=error")
	redocly.report(t)
	spectral.report(t)
}
