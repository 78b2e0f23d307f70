package emulator_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestStartTLS_IsTrustedByItsClientAlone(t *testing.T) {
	server, err := emulator.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	resp, err := server.Client().Do(request(t, server, sent{}))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !strings.HasPrefix(server.URL, "https://127.0.0.1:") || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("%s answered %s over %s", server.URL, resp.Status, resp.Proto)
	}
	stranger := &http.Transport{}
	defer stranger.CloseIdleConnections()
	var unknown x509.UnknownAuthorityError
	if _, err := stranger.RoundTrip(request(t, server, sent{})); !errors.As(err, &unknown) {
		t.Errorf("a stranger got %v", err)
	}
}

func TestAuthority_VouchesForLoopbackAlone(t *testing.T) {
	server, err := emulator.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	a := server.Authority()
	if !a.IsCA || !a.PermittedDNSDomainsCritical || len(a.PermittedIPRanges) != 2 ||
		!a.PermittedIPRanges[0].IP.IsLoopback() || !a.PermittedIPRanges[1].IP.IsLoopback() {
		t.Errorf("it permits %v and %v", a.PermittedDNSDomains, a.PermittedIPRanges)
	}
	if start(t).Authority() != nil {
		t.Error("without TLS there is an authority")
	}
}

func TestShutdown_LetsAnswersGoOut(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{BytesPerSecond: 1000}))
	resp, err := server.Client().Do(request(t, server, sent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ended := make(chan error)
	go func() { ended <- server.Shutdown(context.Background()) }()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.HasSuffix(body, []byte("}")) {
		t.Errorf("got %q, %v", body, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, _, err := do(t, server, sent{}); err == nil {
		t.Error("it answers after Shutdown")
	}
}

func TestShutdown_EndsWithItsContext(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{BytesPerSecond: 1}))
	resp, err := server.Client().Do(request(t, server, sent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestClose_WaitsForHandlers(t *testing.T) {
	arrived := make(chan struct{})
	var ended atomic.Bool
	server := start(t, emulator.WithHandler("GET /slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		for range 10_000 { // long enough for a Close that does not wait
			runtime.Gosched()
		}
		ended.Store(true)
	})))
	go func() {
		if resp, err := server.Client().Get(server.URL + "/slow"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	server.Close()
	if !ended.Load() {
		t.Error("a handler runs after Close")
	}
}

func TestWithHandler_StandsBesideTheEndpoint(t *testing.T) {
	resource := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.PathValue("id")) })
	server := start(t, emulator.WithHandler("GET /v1/customers/{id}", resource), emulator.WithFaults(emulator.Fault{Status: 500}))
	if resp, body := call(t, server, "GET", "/v1/customers/7", ""); resp.StatusCode != 200 || string(body) != "7" {
		t.Errorf("got %s %s", resp.Status, body)
	}
	if len(server.Requests()) != 0 {
		t.Error("its request was kept")
	}
	for _, pattern := range []string{"GET /healthz", "no pattern"} {
		if _, err := emulator.New(emulator.WithHandler(pattern, resource)); err == nil || !strings.Contains(err.Error(), pattern) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestListen_TakesLoopbackAddressesOnly(t *testing.T) {
	for name, listen := range map[string]func(string, ...emulator.Option) (*emulator.Server, error){
		"Listen": emulator.Listen, "ListenTLS": emulator.ListenTLS,
	} {
		for address, says := range map[string]string{
			":0": "not on loopback", "0.0.0.0:0": "not on loopback", "[::]:0": "not on loopback", "192.0.2.1:0": "not on loopback",
			"service.example:80": "not on loopback", "127.0.0.1": "not host:port", "": "not host:port", "127.0.0.1:99999": "99999",
		} {
			if server, err := listen(address); err == nil {
				server.Close()
				t.Errorf("%s listened on %q", name, address)
			} else if !strings.Contains(err.Error(), says) {
				t.Errorf("%s(%q): %v", name, address, err)
			}
		}
		for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
			server, err := listen(address)
			if err != nil {
				t.Error(err)
				continue
			}
			server.Close()
			server.Close() // may be called again
		}
	}
}

func TestServer_BoundsHeaders(t *testing.T) {
	server := start(t)
	for size, want := range map[int]int{60 << 10: 200, 80 << 10: 431} {
		resp, err := server.Client().Do(request(t, server, sent{header: map[string]string{"X-Large": strings.Repeat("h", size)}}))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes got %s", size, resp.Status)
		}
	}
}

func TestServer_WaitsFiveSecondsForHeaders(t *testing.T) {
	t.Parallel()
	server := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the server does not end it: %v", err)
	}
	if took := time.Since(before); took < 4*time.Second {
		t.Errorf("it ended after %s", took)
	}
}
