package emulator_test

import (
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// What is a fault is one again when it is written and read, and nothing else about it changes.
func FuzzParseFault(f *testing.F) {
	for spec := range specs {
		f.Add(spec)
	}
	for _, spec := range []string{"", ":", "500:", "a=b", "location=", "307:location=:", "probability=1e-9", "delay=1h2m3.4s", "code=a=b"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return
		}
		again, err := emulator.ParseFault(fault.String())
		if err != nil || again != fault {
			t.Errorf("%q is %+v, written as %q and read as %+v, %v", spec, fault, fault, again, err)
		}
		if _, err := emulator.New(emulator.WithFaults(fault)); err != nil {
			t.Errorf("%q cannot be set: %v", spec, err)
		}
	})
}
