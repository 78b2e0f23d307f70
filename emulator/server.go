package emulator

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is an [Emulator] that listens on loopback. Make it with [Start] or [Listen] and end it with Close.
type Server struct {
	*Emulator
	// URL is where it listens, such as "http://127.0.0.1:41234": a base URL for a client.
	URL string

	server http.Server
	done   chan struct{}
}

// Start starts an emulator on a free port of 127.0.0.1.
func Start(opts ...Option) (*Server, error) {
	return Listen("127.0.0.1:0", opts...)
}

// Listen is [Start] for an address of your choice, such as "127.0.0.1:8080". It refuses one that is not loopback: the
// emulator gives a token to anybody who asks.
func Listen(address string, opts ...Option) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("emulator: the address %q is not host:port: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("emulator: the address %q is not on loopback; use 127.0.0.1 and a port", address)
	}
	e, err := New(opts...)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	s := &Server{
		Emulator: e,
		URL:      "http://" + listener.Addr().String(),
		server:   http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second},
		done:     make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // it returns when Close is called, and for nothing else
	}()
	return s, nil
}

// Close stops listening and ends all connections, those in the middle of an answer too. It may be called again.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.done
}
