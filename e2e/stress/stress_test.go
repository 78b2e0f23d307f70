// Package stress has many goroutines share one client and one source, with faults, and callers that give up at any
// moment. Run it with make stress, which brings the race detector.
package stress

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

var duration = flag.Duration("stress", time.Second, "how long")

const goroutines = 1000

func TestNothingIsLostUnderAThousandGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	server, err := emulator.Start(
		emulator.WithTokenLifetime(32*time.Second), // of which the source serves two
		emulator.WithFaults(
			emulator.Fault{Status: 500, Probability: 0.05}, emulator.Fault{Status: 429, RetryAfter: time.Second, Probability: 0.02},
			emulator.Fault{Reset: true, Probability: 0.02}, emulator.Fault{Truncate: true, Probability: 0.02},
			emulator.Fault{Delay: 100 * time.Millisecond, Probability: 0.02}, emulator.Fault{Status: 403, Probability: 0.01},
		))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	httpClient := server.Client()
	httpClient.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"), wrapper.WithBaseURL(server.URL),
		wrapper.WithHTTPClient(httpClient), wrapper.WithRetry(wrapper.Retry{Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	source := wrapper.NewTokenSource(client)

	var started, tokens, gaveUp, failed atomic.Int64
	until := time.Now().Add(*duration)
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for time.Now().Before(until) {
				ctx, cancel := context.WithCancel(context.Background())
				if random.IntN(2) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(400))*time.Millisecond)
				}
				started.Add(1)
				var token *wrapper.Token
				var err error
				if i%2 == 0 {
					id := uuid.New()
					token, err = client.GenerateToken(wrapper.ContextWithRequestID(ctx, id))
					if err == nil && token.RequestID != id.String() {
						t.Errorf("the call %s got the answer of %s", id, token.RequestID)
					}
				} else {
					token, err = source.Token(ctx)
					if err == nil && time.Until(token.ExpiresAt) < 29*time.Second {
						t.Errorf("the source served a token that expires at %s", token.ExpiresAt)
					}
					if err == nil && random.IntN(50) == 0 {
						source.Invalidate(token)
					}
				}
				var e *wrapper.Error
				switch {
				case err == nil && token.AccessToken != "":
					tokens.Add(1)
				case ctx.Err() != nil && errors.Is(err, ctx.Err()):
					gaveUp.Add(1)
				case errors.As(err, &e) && (errors.Is(err, wrapper.ErrServer) || errors.Is(err, wrapper.ErrUnavailable) ||
					errors.Is(err, wrapper.ErrThrottled) || errors.Is(err, wrapper.ErrForbidden)):
					failed.Add(1)
				default:
					t.Errorf("got %v, %v", token, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	lost := started.Load() - tokens.Load() - gaveUp.Load() - failed.Load()
	if lost != 0 {
		t.Errorf("%d calls were lost", lost)
	}
	t.Logf("%d goroutines, %s: %d calls, %d tokens, %d gave up, %d failed, %d lost; %d requests",
		goroutines, *duration, started.Load(), tokens.Load(), gaveUp.Load(), failed.Load(), lost, server.Requests()[len(server.Requests())-1].Number)
}
