package azureauth

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/partnercenter-go/generatetoken/wrapper/internal/signin"
)

// watcher sees what a credential's requests come to. azidentity's errors keep the text of a broken network alone, and the
// type that has the answer is azidentity's, which this package does without.
type watcher struct {
	response   *http.Response // the last one
	unanswered atomic.Bool    // whether the last request got none
}

func watch(ctx context.Context) (context.Context, *watcher) {
	w := new(watcher)
	ctx = policy.WithCaptureResponse(ctx, &w.response)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(hostPort string) { w.unanswered.Store(!isMetadataService(hostPort)) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if signin.Untrusted(err) {
				w.unanswered.Store(false)
			}
		},
		GotFirstResponseByte: func() { w.unanswered.Store(false) },
	}), w
}

// isMetadataService reports whether a host is a virtual machine's metadata service. A default credential looks for one
// everywhere, and mostly in vain.
func isMetadataService(hostPort string) bool {
	host, _, _ := net.SplitHostPort(hostPort)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLinkLocalUnicast()
}

// explain returns the error of a sign-in that failed for err.
func (w *watcher) explain(ctx context.Context, err error) error {
	temporary := w.unanswered.Load() || signin.BrokenNetwork(err) ||
		w.response != nil && signin.TemporaryStatus(w.response.StatusCode)
	return signin.Error(fmt.Errorf("no token from Entra: %w", err), temporary && ctx.Err() == nil, signin.Secrets(w.response)...)
}
