package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestOutput_EnvIsSafeToEvaluate(t *testing.T) {
	for _, token := range []string{
		"canary", "", "$(echo run)", "`echo run`", "a'b", "'", "\\", "a\"b", "a b", "~root", "a;echo run", "a&b", "*", "a\nb", "!!", "#", "\x1b[2J", "${PATH}",
	} {
		var out bytes.Buffer
		if err := outputs["env"](&out, &wrapper.Token{AccessToken: token}); err != nil {
			t.Fatal(err)
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", `eval "$(cat)"; printf %s "$PARTNERCENTER_ACCESS_TOKEN"`)
		shell.Stdin = strings.NewReader(out.String())
		got, err := shell.CombinedOutput()
		if err != nil || string(got) != token {
			t.Errorf("%q became %q by way of %q, %v", token, got, out.String(), err)
		}
	}
}
