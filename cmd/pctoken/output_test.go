package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestOutput_EnvIsSafeToEvaluate(t *testing.T) {
	tokens := []string{"canary", "", "$(echo run)", "`echo run`", "~root", "a:~root", "a;echo run", "a\nb", "a\n", "\x1b[2J", "${PATH}", "ä"}
	for c := byte(' '); c <= '~'; c++ {
		tokens = append(tokens, "a"+string(c)+"id", string(c))
	}
	for _, token := range tokens {
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
