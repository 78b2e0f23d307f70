package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// What a test pays for an emulator of its own, beside the bare server of the standard library.
func BenchmarkStart(b *testing.B) {
	b.Run("emulator", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			server, err := emulator.Start()
			if err != nil {
				b.Fatal(err)
			}
			server.Close()
		}
	})
	b.Run("httptest", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			httptest.NewServer(http.NotFoundHandler()).Close()
		}
	})
}

func TestStart_CostsLessThanTwoBareServers(t *testing.T) {
	start(t) // the first of a process parses the contract
	bare := testing.AllocsPerRun(100, func() { httptest.NewServer(http.NotFoundHandler()).Close() })
	got := testing.AllocsPerRun(100, func() {
		server, err := emulator.Start()
		if err != nil {
			t.Error(err)
			return
		}
		server.Close()
	})
	if got > 2*bare {
		t.Errorf("%.0f allocations, and %.0f for a bare server", got, bare)
	}
}
