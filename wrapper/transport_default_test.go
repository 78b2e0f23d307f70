package wrapper

import (
	"testing"
	"time"
)

// To see this from outside takes fifteen seconds, so the test is in the package.
func TestTransport_NoticesADeadHTTP2Connection(t *testing.T) {
	settings := defaultTransport().(oneConnectionEach).model.HTTP2
	if settings.SendPingTimeout != 10*time.Second {
		t.Errorf("it asks after %v", settings.SendPingTimeout)
	}
	if settings.PingTimeout != 5*time.Second {
		t.Errorf("it waits for %v", settings.PingTimeout)
	}
}
