package main

import (
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestRun(t *testing.T) {
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 500}))
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := run(t.Context(), service.URL, "an-entra-access-token"); err != nil {
		t.Error(err)
	}
	if n := len(service.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}
