package main

import (
	"slices"
	"strings"
	"testing"
)

// A command offers the faults that its requests can meet, in its help and to a shell.
func TestFaultFlag_OffersWhatTheCommandsRequestsMeet(t *testing.T) {
	for command, all := range map[string]bool{"get": false, "exec": false, "serve": true} {
		offered, _, _ := pctoken(t, "", "__complete", command, "--fault", "")
		help, _, _ := pctoken(t, "", command, "--help")
		for part, elsewhere := range map[string]bool{
			"500": false, "retry-after=2": false, "code=900420": false, "location=URL": false, "resource": true, "entra": true, "AADSTS700082": true,
		} {
			want := all || !elsewhere
			if got := strings.Contains("\n"+offered, "\n"+part+"\t"); got != want {
				t.Errorf("%s offers %s: %v\n%s", command, part, got, offered)
			}
			listed := slices.ContainsFunc(strings.Split(help, "\n"), func(line string) bool { return strings.HasPrefix(line, "  "+part+"  ") })
			if command != "exec" && listed != want { // the help of exec refers to that of get
				t.Errorf("%s lists %s: %v", command, part, listed)
			}
		}
	}
}

func TestFaultFlag_OfServeTakesAFaultOfEntraWithEntraAlone(t *testing.T) {
	serving(t, 2, "--entra", "--fault", "AADSTS700082", "--fault", "resource:401")
	if _, stderr, code := pctoken(t, "", "serve", "--fault", "AADSTS700082"); code != exitUsage || !strings.Contains(stderr, "no request meets it here") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
