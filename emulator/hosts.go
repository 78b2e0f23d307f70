package emulator

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isOwnHost reports whether a request names a host that is the emulator's: loopback, or one of [WithHosts]. Otherwise a
// page of another site could have its name resolve to loopback, and read tokens and requests (DNS rebinding). Requests
// that came by no TCP connection, as with httptest.NewRequest, may name any.
func (e *Emulator) isOwnHost(r *http.Request) bool {
	if _, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return isLoopback(host) || e.hosts[strings.ToLower(host)]
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// WithHosts adds names, or IP addresses, under which requests may reach the emulator beside loopback's: those of a
// container, for instance. Requests for any other host get 421. With TLS, the certificate is for these names too.
func WithHosts(names ...string) Option {
	return func(e *Emulator) error {
		for _, name := range names {
			_, err := netip.ParseAddr(name)
			if err != nil && (name == "" || strings.ContainsAny(name, ":/*@[] ")) {
				return fmt.Errorf("emulator: WithHosts(%q): it has to be a host name or an IP address, without a port", name)
			}
			e.hosts[strings.ToLower(name)] = true
		}
		return nil
	}
}

// WithRemoteClients lets [Listen] and [ListenTLS] take an address that is not loopback, such as "0.0.0.0:8080" in a
// container. Everybody who can reach it gets tokens and can change the emulator. The names under which it is reached
// have to be given by [WithHosts].
func WithRemoteClients() Option {
	return func(e *Emulator) error {
		e.remote = true
		return nil
	}
}
