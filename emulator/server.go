package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Server is an [Emulator] that listens on loopback. Make it with [Start], [StartTLS], [Listen] or [ListenTLS], and end it
// with Close or Shutdown.
type Server struct {
	*Emulator
	// URL is where it listens, such as "http://127.0.0.1:41234": a base URL for a client.
	URL string

	authority   *x509.Certificate
	transport   *http.Transport
	server      *http.Server
	served      chan struct{}
	connections sync.WaitGroup
}

// Start starts an emulator on a free port of 127.0.0.1.
func Start(opts ...Option) (*Server, error) {
	return Listen("127.0.0.1:0", opts...)
}

// StartTLS is [Start] with TLS and HTTP/2. The server's Client trusts its certificate, and so does whoever trusts its
// Authority.
func StartTLS(opts ...Option) (*Server, error) {
	return ListenTLS("127.0.0.1:0", opts...)
}

// Listen is [Start] for an address of your choice, such as "127.0.0.1:8080". It refuses one that is not loopback, unless
// [WithRemoteClients] allows it: the emulator gives a token to anybody who asks.
func Listen(address string, opts ...Option) (*Server, error) {
	s, listener, err := newServer(address, opts)
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + reachable(listener.Addr())
	s.serve(func() error { return s.server.Serve(listener) })
	return s, nil
}

// ListenTLS is [StartTLS] for an address of your choice, as [Listen] is for [Start].
func ListenTLS(address string, opts ...Option) (*Server, error) {
	s, listener, err := newServer(address, opts)
	if err != nil {
		return nil, err
	}
	authority, certificate, err := newCertificate(slices.Sorted(maps.Keys(s.hosts)))
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("emulator: making a certificate: %w", err)
	}
	s.authority = authority
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	s.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.URL = "https://" + reachable(listener.Addr())
	s.serve(func() error { return s.server.ServeTLS(listener, "", "") })
	return s, nil
}

func newServer(address string, opts []Option) (*Server, net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, fmt.Errorf("emulator: the address %q is not host:port: %w", address, err)
	}
	e, err := New(opts...)
	if err != nil {
		return nil, nil, err
	}
	if !isLoopback(host) && !e.remote {
		return nil, nil, fmt.Errorf("emulator: the address %q is not on loopback; use 127.0.0.1 and a port", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("emulator: %w", err)
	}
	s := &Server{
		Emulator:  e,
		transport: &http.Transport{ForceAttemptHTTP2: true},
		served:    make(chan struct{}),
	}
	s.server = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.connections.Done()
			}
		},
	}
	return s, listener, nil
}

// reachable returns an address that a client here can dial: loopback where the server listens everywhere.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return address.String()
}

func (s *Server) serve(serve func() error) {
	go func() {
		defer close(s.served)
		_ = serve() // it returns when the server is ended, and for nothing else
	}()
}

// Client returns a client that trusts the server's certificate. Its connections end with the server.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// Authority returns the certificate to trust, or nil without TLS. It vouches for this server alone.
func (s *Server) Authority() *x509.Certificate { return s.authority }

// Shutdown stops listening and returns once the answers under way have gone out, or with the error of ctx if that ends
// first.
func (s *Server) Shutdown(ctx context.Context) error {
	s.transport.CloseIdleConnections()
	err := s.server.Shutdown(ctx)
	<-s.served
	return err
}

// Close stops listening and ends all connections, even in the middle of an answer. When it returns, nothing of the server
// runs. It may be called again.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.served
	s.connections.Wait()
	s.transport.CloseIdleConnections()
}
