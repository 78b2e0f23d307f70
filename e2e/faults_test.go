package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"golang.org/x/net/http2"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// network is what lies between a client and the service in one row of the fault table.
type network struct {
	url    string
	client *http.Client // whose transport the test has made, so that it can be ended
	end    func()       // ends the fault; nil where it ends by itself, or cannot
}

// outcome is what a call makes of a fault.
type outcome struct {
	attempts int
	kind     error // nil for a token
	final    bool  // of an error: it would be the same if the call were repeated
}

func (o outcome) String() string {
	attempts := fmt.Sprintf("attempt %d", o.attempts)
	switch {
	case o.kind == nil:
		return "token, " + attempts
	case o.final:
		return "`ErrUnavailable`, " + attempts + ", not retryable"
	}
	return "`ErrUnavailable`, " + attempts
}

var (
	token       = func(attempt int) outcome { return outcome{attempts: attempt} }
	unavailable = outcome{attempts: 4, kind: wrapper.ErrUnavailable}
	hopeless    = outcome{attempts: 1, kind: wrapper.ErrUnavailable, final: true}
)

// faults is the table that README.md beside this file shows. A fault that can be fixed is tried twice: fixed after the first attempt,
// and left as it is.
var faults = []struct {
	name        string
	between     func(t *testing.T) network
	passes      outcome // when the fault is over after the first attempt
	stays       outcome // when it is not
	onlyAlways  bool    // the fault is part of the far side, and does not pass
	onlyPassing bool    // the fault is over by itself
}{
	{name: "connection refused", between: proxied(func(p *toxiproxy.Proxy) func() {
		p.Stop()
		return func() { must(p.Start()) }
	}), passes: token(2), stays: unavailable},
	{name: "black hole: connected, and nothing comes", between: proxied(toxic("timeout", "downstream", `"timeout": 0`)), passes: token(2), stays: unavailable},
	{name: "reset before the headers", between: proxied(toxic("reset_peer", "downstream", `"timeout": 0`)), passes: token(2), stays: unavailable},
	{name: "reset within the headers", between: served(`HTTP/1.1 200 OK` + "\r\n" + `Content-Ty`), passes: token(2), onlyPassing: true},
	{name: "reset after the headers", between: emulated(emulator.Fault{ResetAfterHeaders: true}), passes: token(2), onlyPassing: true},
	{name: "closed within the headers", between: proxied(toxic("limit_data", "downstream", `"bytes": 40`)), passes: token(2), stays: unavailable},
	{name: "closed within the body", between: proxied(cutBody), passes: token(2), stays: unavailable},
	{name: "latency of 200 ms each way", between: proxied(toxic("latency", "downstream", `"latency": 200`), toxic("latency", "upstream", `"latency": 200`)), stays: token(1), onlyAlways: true},
	{name: "bandwidth of 1 kB/s", between: proxied(toxic("bandwidth", "downstream", `"rate": 1`)), stays: token(1), onlyAlways: true},
	{name: "slow close", between: proxied(toxic("slow_close", "downstream", `"delay": 1000`)), stays: token(1), onlyAlways: true},
	{name: "stale keep-alive connection, reset when it is used", between: stale, passes: token(1), onlyPassing: true},
	{name: "half-open keep-alive connection, silent", between: halfOpen, passes: token(2), onlyPassing: true},
	{name: "server restarted while it answers", between: restarted, passes: token(2), onlyPassing: true},
	{name: "name that does not resolve", between: unresolved, passes: token(2), stays: unavailable},
	{name: "HTTP/2: GOAWAY before the request is taken", between: http2Server(func(f *http2.Framer, stream uint32) error {
		return f.WriteGoAway(0, http2.ErrCodeNo, nil)
	}), passes: token(1), onlyPassing: true},
	{name: "HTTP/2: stream refused", between: http2Server(func(f *http2.Framer, stream uint32) error {
		return f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
	}), passes: token(1), onlyPassing: true},
	{name: "HTTP/2: stream reset with an internal error", between: http2Server(func(f *http2.Framer, stream uint32) error {
		return f.WriteRSTStream(stream, http2.ErrCodeInternal)
	}), passes: token(2), onlyPassing: true},
	{name: "TLS: unknown authority", between: withTLS(func(c *tls.Config) { c.RootCAs = nil }), stays: hopeless, onlyAlways: true},
	{name: "TLS: another host's certificate", between: withTLS(func(c *tls.Config) { c.ServerName = "other.example" }), stays: hopeless, onlyAlways: true},
	{name: "TLS: expired certificate", between: withTLS(func(c *tls.Config) {
		c.Time = func() time.Time { return time.Now().AddDate(5, 0, 0) }
	}), stays: hopeless, onlyAlways: true},
	{name: "TLS: version too old", between: oldTLS, stays: hopeless, onlyAlways: true},
}

func TestFaults_CostACallWhatTheTableSays(t *testing.T) {
	for _, row := range faults {
		if !row.onlyAlways {
			t.Run(row.name+", for one attempt", func(t *testing.T) {
				t.Parallel()
				try(t, row.between(t), row.passes, true)
			})
		}
		if !row.onlyPassing {
			t.Run(row.name+", for good", func(t *testing.T) {
				t.Parallel()
				try(t, row.between(t), row.stays, false)
			})
		}
	}
}

func try(t *testing.T, n network, want outcome, end bool) {
	defer n.client.CloseIdleConnections()
	watch := &attemptWatcher{Handler: slog.DiscardHandler}
	if end && n.end != nil {
		watch.afterFailure = sync.OnceFunc(n.end)
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"),
		wrapper.WithBaseURL(n.url), wrapper.WithHTTPClient(n.client), wrapper.WithLogger(slog.New(watch)),
		wrapper.WithRetry(wrapper.Retry{Delay: time.Millisecond, AttemptTimeout: 3 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.GenerateToken(t.Context())
	var e *wrapper.Error
	switch {
	case want.kind == nil && (err != nil || token.AccessToken == "" || watch.attempts != want.attempts):
		t.Errorf("got %v, %v after %d attempts, want %v", token, err, watch.attempts, want)
	case want.kind != nil && (!errors.As(err, &e) || !errors.Is(err, want.kind) || e.Attempts != want.attempts || e.Retryable() == want.final):
		t.Errorf("got %v, want %v", err, want)
	}
}

// attemptWatcher counts the attempts of a call, and does something after the first that failed.
type attemptWatcher struct {
	slog.Handler
	attempts     int
	afterFailure func()
}

func (*attemptWatcher) Enabled(context.Context, slog.Level) bool { return true }

func (w *attemptWatcher) Handle(_ context.Context, record slog.Record) error {
	w.attempts++
	if record.Level >= slog.LevelWarn && w.afterFailure != nil {
		w.afterFailure()
	}
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func start(t *testing.T, opts ...emulator.Option) *emulator.Server {
	t.Helper()
	server, err := emulator.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func emulated(fault emulator.Fault) func(*testing.T) network {
	return func(t *testing.T) network {
		server := start(t, emulator.WithFaults(fault))
		return network{url: server.URL, client: server.Client()}
	}
}

// proxied puts toxiproxy between client and emulator, with a fault that the functions bring; each returns its end.
func proxied(bring ...func(*toxiproxy.Proxy) func()) func(*testing.T) network {
	return func(t *testing.T) network {
		proxy := startProxy(t, start(t).URL)
		var ends []func()
		for _, b := range bring {
			ends = append(ends, b(proxy))
		}
		return network{url: "http://" + proxy.Listen, client: &http.Client{Transport: &http.Transport{}}, end: func() {
			for _, end := range ends {
				end()
			}
		}}
	}
}

func startProxy(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", strings.TrimPrefix(upstream, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return proxy
}

func toxic(kind, stream, attributes string) func(*toxiproxy.Proxy) func() {
	return func(p *toxiproxy.Proxy) func() {
		name := kind + "_" + stream
		_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": %q, "type": %q, "stream": %q, "attributes": {%s}}`, name, kind, stream, attributes)))
		must(err)
		return func() { must(p.Toxics.RemoveToxic(context.Background(), name)) }
	}
}

// cutBody closes the connection ten bytes before the end of the answer, whose length it finds out first.
func cutBody(p *toxiproxy.Proxy) func() {
	conn, err := net.Dial("tcp", p.Upstream)
	must(err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v3/generatetoken HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\nAuthorization: Bearer any\r\n"+
		"Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\ngrant_type=jwt_token")
	must(err)
	answer, err := io.ReadAll(conn)
	must(err)
	whole := len(answer) - len("Connection: close\r\n")
	return toxic("limit_data", "downstream", fmt.Sprintf(`"bytes": %d`, whole-10))(p)
}

// hands is a server whose first connection a test handles by hand, and whose others are an ordinary HTTP server's.
func hands(t *testing.T, config *tls.Config, first func(net.Conn)) (address string) {
	t.Helper()
	service, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	server := &http.Server{Handler: service, TLSConfig: config}
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go first(conn)
		if config != nil {
			_ = server.ServeTLS(listener, "", "")
			return
		}
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// served answers the first request with a few bytes and a reset.
func served(beginning string) func(*testing.T) network {
	return func(t *testing.T) network {
		address := hands(t, nil, func(conn net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, beginning)
			}
			reset(conn)
		})
		return network{url: "http://" + address, client: &http.Client{Transport: &http.Transport{}}}
	}
}

// stale has a connection that has served one request, and is reset when the next comes.
func stale(t *testing.T) network {
	address := hands(t, nil, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for first := true; ; first = false {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if !first {
				reset(conn)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	warm(t, client, "http://"+address)
	return network{url: "http://" + address, client: client}
}

// halfOpen has a connection that has served one request, and whose other end is then gone without a word.
func halfOpen(t *testing.T) network {
	proxy := startProxy(t, start(t).URL)
	client := &http.Client{Transport: &http.Transport{}}
	warm(t, client, "http://"+proxy.Listen)
	return network{url: "http://" + proxy.Listen, client: client, end: toxic("timeout", "downstream", `"timeout": 0`)(proxy)}
}

func warm(t *testing.T, client *http.Client, url string) {
	t.Helper()
	resp, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// restarted goes down while it answers the first request, and is up again after it.
func restarted(t *testing.T) network {
	server := start(t, emulator.WithFaults(emulator.Fault{BytesPerSecond: 1}))
	address := strings.TrimPrefix(server.URL, "http://")
	client := &http.Client{Transport: &http.Transport{}}
	go func() {
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for requests := server.Requests(); len(requests) == 0 || requests[0].Status == 0; requests = server.Requests() {
			select {
			case <-look.C:
			case <-t.Context().Done():
				return
			}
		}
		server.Close()
	}()
	return network{url: server.URL, client: client, end: func() {
		again, err := emulator.Listen(address)
		must(err)
		t.Cleanup(again.Close)
	}}
}

// unresolved asks a name server that knows no names.
func unresolved(t *testing.T) network {
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := names.ReadFrom(query)
			if err != nil {
				return
			}
			query[2], query[3] = 0x81, 0x83 // an answer: there is no such name
			_, _ = names.WriteTo(query[:n], from)
		}
	}()
	server := start(t)
	address := strings.TrimPrefix(server.URL, "http://")
	var ended atomic.Bool
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", names.LocalAddr().String())
	}}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if ended.Load() {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return dialer.DialContext(ctx, network, "partner-center.example:80")
	}}
	return network{url: server.URL, client: &http.Client{Transport: transport}, end: func() { ended.Store(true) }}
}

// withTLS has an emulator with TLS, and a client with another idea of it.
func withTLS(change func(*tls.Config)) func(*testing.T) network {
	return func(t *testing.T) network {
		server, err := emulator.StartTLS()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		change(config)
		return network{url: server.URL, client: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}}
	}
}

func oldTLS(t *testing.T) network {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	t.Cleanup(server.Close)
	return network{url: server.URL, client: server.Client()}
}

// http2Server does something else than answer to the first stream that a client opens.
func http2Server(instead func(*http2.Framer, uint32) error) func(*testing.T) network {
	return func(t *testing.T) network {
		pair := httptest.NewUnstartedServer(nil) // for its certificate
		pair.EnableHTTP2 = true
		pair.StartTLS()
		t.Cleanup(pair.Close)
		config := pair.TLS.Clone()
		address := hands(t, config.Clone(), func(raw net.Conn) {
			conn := tls.Server(raw, config)
			defer conn.Close()
			preface := make([]byte, len(http2.ClientPreface))
			if _, err := io.ReadFull(conn, preface); err != nil {
				return
			}
			framer := http2.NewFramer(conn, conn)
			_ = framer.WriteSettings()
			for {
				frame, err := framer.ReadFrame()
				if err != nil {
					return
				}
				switch frame := frame.(type) {
				case *http2.SettingsFrame:
					if !frame.IsAck() {
						_ = framer.WriteSettingsAck()
					}
				case *http2.HeadersFrame:
					if frame.StreamID == 1 {
						_ = instead(framer, frame.StreamID)
						// No more streams here: the next attempt takes another connection.
						_ = framer.WriteGoAway(1, http2.ErrCodeNo, nil)
					}
				}
			}
		})
		return network{url: "https://" + address, client: pair.Client()}
	}
}

// README.md beside this file shows the table as it is here.
func TestREADME_ShowsTheFaultTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| on the wire | it passes | it stays |\n|---|---|---|\n")
	for _, row := range faults {
		passes, stays := row.passes.String(), row.stays.String()
		if row.onlyAlways {
			passes = ""
		}
		if row.onlyPassing {
			stays = ""
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", row.name, passes, stays)
	}
	if !strings.Contains(string(read(t, "README.md").source), table.String()) {
		t.Errorf("e2e/README.md has another table than:\n%s", table.String())
	}
}
