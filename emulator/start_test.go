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
