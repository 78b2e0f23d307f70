// Package load sends an emulator a steady stream of requests and counts what comes back. Run it with make load.
package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/partnercenter-go/generatetoken/emulator"
)

const (
	perSecond = 5000
	seconds   = 20
	clients   = 32
	// Enough to have filled everything that the emulator keeps.
	warmUp = 20_000
)

// planned is what the faults every=10 and every=7 make of a number of requests.
func planned(requests int) map[int]int {
	plan := map[int]int{}
	for n := 1; n <= requests; n++ {
		switch {
		case n%10 == 0:
			plan[500]++
		case n%7 == 0:
			plan[429]++
		default:
			plan[200]++
		}
	}
	return plan
}

func TestEveryAnswerIsAsPlannedAndMemoryStaysFlat(t *testing.T) {
	defer goleak.VerifyNone(t)
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = clients

	send(t, server, rate.Inf, warmUp)
	before := heap()
	if err := server.SetFaults(
		emulator.Fault{Status: 500, Every: 10}, emulator.Fault{Status: 429, RetryAfter: time.Second, Every: 7}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got := send(t, server, perSecond, perSecond*seconds)
	took := time.Since(began)
	after := heap()

	want := planned(perSecond * seconds)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answers by status: %v, planned were %v", got, want)
	}
	if growth := int64(after) - int64(before); growth > 4<<20 {
		t.Errorf("the heap grew by %d KiB", growth>>10)
	}
	t.Logf("%d requests in %.1f s, %.0f a second; answers by status %v, as planned %t; heap %.1f MiB before, %.1f MiB after; kept %d requests",
		perSecond*seconds, took.Seconds(), perSecond*seconds/took.Seconds(), got, fmt.Sprint(got) == fmt.Sprint(want),
		float64(before)/(1<<20), float64(after)/(1<<20), len(server.Requests()))
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// send makes requests at a rate and returns how many answers of each status came. A 200 has to have a token of its own.
func send(t *testing.T, server *emulator.Server, perSecond rate.Limit, requests int) map[int]int {
	t.Helper()
	limiter := rate.NewLimiter(perSecond, clients)
	var (
		mu       sync.Mutex
		statuses = map[int]int{}
		tokens   = make(map[string]bool, requests)
		wg       sync.WaitGroup
	)
	work := make(chan struct{})
	for range clients {
		wg.Go(func() {
			for range work {
				status, token, err := exchange(server)
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				statuses[status]++
				if status == http.StatusOK {
					if token == "" || tokens[token] {
						t.Errorf("the token %q has come before", token)
					}
					tokens[token] = true
				}
				mu.Unlock()
			}
		})
	}
	for range requests {
		if err := limiter.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	return statuses
}

func exchange(server *emulator.Server) (status int, token string, err error) {
	req, err := http.NewRequest(http.MethodPost, server.URL+"/v3/generatetoken", strings.NewReader("grant_type=jwt_token"))
	if err != nil {
		return 0, "", err
	}
	req.Header = http.Header{
		"Authorization": {"Bearer any-bearer"}, "Accept": {"application/json"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Ms-Requestid": {uuid.NewString()},
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&body)
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, body.AccessToken, err
}
