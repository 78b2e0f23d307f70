package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// memory answers without a socket, so that what is measured is the client's own work. Every failEvery-th answer is a 500.
type memory struct {
	failEvery int64
	count     atomic.Int64
}

func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	header := http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(answer))},
		"Ms-Requestid": r.Header["Ms-Requestid"], "Ms-Correlationid": r.Header["Ms-Correlationid"],
	}
	resp := &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Header: header, Request: r, ContentLength: int64(len(answer))}
	body := answer
	if m.failEvery > 0 && m.count.Add(1)%m.failEvery == 0 {
		resp.Status, resp.StatusCode, body = "500 Internal Server Error", http.StatusInternalServerError, `{"code":"800003","description":"no","source":"bench"}`
		resp.ContentLength = int64(len(body))
	}
	resp.Body = io.NopCloser(strings.NewReader(body))
	return resp, nil
}

// service answers on a socket.
var service = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Ms-Requestid"], h["Ms-Correlationid"] = r.Header["Ms-Requestid"], r.Header["Ms-Correlationid"]
	_, _ = io.WriteString(w, answer)
})

func BenchmarkExchange(b *testing.B) {
	for _, setting := range []struct {
		name  string
		fails bool
		start func(*testing.B) (string, *http.Client)
	}{
		{"exchange, CPU alone", false, func(*testing.B) (string, *http.Client) {
			return "https://service.example", &http.Client{Transport: &memory{}}
		}},
		{"exchange, CPU alone, one 500 in four", true, func(*testing.B) (string, *http.Client) {
			return "https://service.example", &http.Client{Transport: &memory{failEvery: 4}}
		}},
		{"exchange, loopback", false, func(b *testing.B) (string, *http.Client) {
			server := httptest.NewServer(service)
			b.Cleanup(server.Close)
			return server.URL, server.Client()
		}},
		{"exchange, loopback with TLS and HTTP2", false, func(b *testing.B) (string, *http.Client) {
			server := httptest.NewUnstartedServer(service)
			server.EnableHTTP2 = true
			server.StartTLS()
			b.Cleanup(server.Close)
			return server.URL, server.Client()
		}},
	} {
		for _, peer := range peers {
			if setting.fails && !peer.retries {
				continue
			}
			b.Run(setting.name+"/"+peer.name, func(b *testing.B) {
				url, client := setting.start(b)
				exchange, err := peer.make(url, client)
				if err != nil {
					b.Fatal(err)
				}
				ctx := context.Background()
				b.ReportAllocs()
				for b.Loop() {
					if got, err := exchange(ctx); err != nil || got != token {
						b.Fatalf("%d bytes, %v", len(got), err)
					}
				}
			})
		}
	}
}
