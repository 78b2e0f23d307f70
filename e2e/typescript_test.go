package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// Clients that generators for TypeScript make of the contract. tsc checks their types strictly, with programs that use
// what the contract has and others that must not compile. Then each gets a token and every documented refusal by both
// operations. Their limit: they send and read JSON alone, which they find first, and check no answer at run time.
func TestTypeScriptClients_GetEveryDocumentedAnswer(t *testing.T) {
	tool := func(name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "../node_modules/.bin/"+name, args...)
		cmd.Dir = "typescript"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	tool("openapi-typescript", "../../api/openapi.yaml", "--output", "generated/openapi.d.ts")
	tool("openapi-ts", "--no-log-file", "--silent")
	tool("tsc", "--project", ".")

	for _, client := range []string{"openapi-fetch", "hey-api"} {
		t.Run(client, func(t *testing.T) {
			var faults []emulator.Fault
			want := append([]int{200}, slices.Sorted(maps.Keys(refusals(t)))...)
			for _, status := range append(slices.Clone(want), want...) { // for each of the operations
				faults = append(faults, emulator.Fault{Status: status})
			}
			server, err := emulator.Start(emulator.WithFaults(faults...))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			cmd := exec.CommandContext(t.Context(), "node", "typescript/built/"+client+".js", server.URL, strconv.Itoa(len(want)))
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			exchanges := judge{name: client}
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			if len(lines) != len(faults) {
				t.Fatalf("%d lines, want %d: %s", len(lines), len(faults), out)
			}
			for i, line := range lines {
				var got struct {
					Path        string
					Status      int
					Token, Code string
					Lifetime    int
				}
				path := []string{"/v3/generatetoken", "/generatetoken"}[i/len(want)]
				exchanges.run(t, fmt.Sprintf("POST %s %d", path[1:], faults[i].Status), func(t *testing.T) {
					if err := json.Unmarshal(line, &got); err != nil {
						t.Fatal(err)
					}
					if got.Path != path || got.Status != faults[i].Status {
						t.Errorf("got %s", line)
					}
					if isToken := got.Status == 200; (len(got.Token) == 26) != isToken || (got.Lifetime == 3600) != isToken ||
						(got.Code == "") != isToken {
						t.Errorf("got %s", line)
					}
				})
			}
			exchanges.report(t)
		})
	}
}
