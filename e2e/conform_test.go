package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// pctoken conform examines Prism, which makes its answers of the contract. It has to find what Prism cannot do, and no
// more: Prism reads JSON and forms, gives tokens in JSON and XML, gives its own refusals in JSON alone, and answers for a
// path that is not there without the contract.
func TestConform_FindsWhatPrismCannotDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	out, err := run(t, "conform", "--url", startPrism(t, "mock", specFile), "--pause", "0s", "--report", file)
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		NotSent int
		Cells   []struct {
			Purpose, RequestType, ResponseType string
			Expected, Status                   int
			Deviations                         []struct{ Place, Problem string }
		}
	}
	if err := json.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Cells) == 0 || report.NotSent > 0 {
		t.Errorf("%d cells, %d not sent", len(report.Cells), report.NotSent)
	}
	for i, one := range report.Cells {
		can := one.ResponseType == string(wrapper.MediaTypeJSON)
		switch one.Expected {
		case 200:
			can = slices.Contains(requestTypes, wrapper.MediaType(one.RequestType)) &&
				(can || one.ResponseType == string(wrapper.MediaTypeXML))
		case 404:
			can = false
		}
		if holds := len(one.Deviations) == 0; holds != can {
			t.Errorf("%d, %s, %s to %s: got %d, %v", i+1, one.Purpose, one.RequestType, one.ResponseType, one.Status, one.Deviations)
		}
	}
}
