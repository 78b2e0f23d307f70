package bench

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

const (
	callers      = 10_000
	exchangeTime = 20 * time.Millisecond
)

// slow takes its time to answer, and counts.
type slow struct{ memory }

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(exchangeTime)
	s.count.Add(1)
	return s.memory.RoundTrip(r)
}

// BenchmarkColdStart is the time until the last of 10,000 callers who come at once has the token of one exchange, which
// takes 20 ms. The floor is what as many goroutines take that wait for a channel.
func BenchmarkColdStart(b *testing.B) {
	for _, way := range []struct {
		name string
		make func(transport *slow) func()
	}{
		{"a channel", func(*slow) func() {
			done := make(chan struct{})
			time.AfterFunc(exchangeTime, func() { close(done) })
			return func() { <-done }
		}},
		{"wrapper", func(transport *slow) func() {
			c, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
			if err != nil {
				b.Fatal(err)
			}
			source := wrapper.NewTokenSource(c)
			return func() {
				if _, err := source.Token(context.Background()); err != nil {
					b.Error(err)
				}
			}
		}},
		{"singleflight", func(transport *slow) func() {
			exchange, err := byHand("https://service.example", &http.Client{Transport: transport})
			if err != nil {
				b.Fatal(err)
			}
			var group singleflight.Group
			return func() {
				if _, err, _ := group.Do("token", func() (any, error) { return exchange(context.Background()) }); err != nil {
					b.Error(err)
				}
			}
		}},
	} {
		b.Run("cold start/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			transport := &slow{}
			for b.Loop() {
				call := way.make(transport)
				var wg sync.WaitGroup
				for range callers {
					wg.Go(call)
				}
				wg.Wait()
			}
			b.ReportMetric(float64(transport.count.Load())/float64(b.N), "exchanges/op")
		})
	}
}
