// Command soak makes exchanges at full speed against an emulator that fails for one request in twenty, and says what
// became of them. It fails when a call got lost, a goroutine stayed, or memory grew. Run it with make soak.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// faults are met by one request in twenty, all taken together.
var faults = []emulator.Fault{
	{Status: 500, Probability: 0.02},
	{Status: 503, Body: emulator.BodyHTML, Probability: 0.01},
	{Reset: true, Probability: 0.01},
	{Truncate: true, Probability: 0.005},
	{ResetAfterHeaders: true, Probability: 0.005},
}

// What is kept by client and emulator has filled up after so many exchanges; growth counts from there.
const warmUp = 50_000

// mostGrowth is what the heap may differ by from one look to the next without having grown.
const mostGrowth = 4 << 20

func main() {
	duration := flag.Duration("duration", 10*time.Minute, "how long at most")
	most := flag.Int64("exchanges", 10_000_000, "how many exchanges at most")
	workers := flag.Int("workers", 32, "how many at once")
	seed := flag.Uint64("seed", 1, "settles which requests meet faults")
	flag.Parse()
	if err := soak(*duration, *most, *workers, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "soak: "+err.Error())
		os.Exit(1)
	}
}

func soak(duration time.Duration, most int64, workers int, seed uint64) error {
	goroutinesBefore := runtime.NumGoroutine()
	server, err := emulator.Start(emulator.WithFaults(faults...), emulator.WithSeed(seed))
	if err != nil {
		return err
	}
	defer server.Close()
	httpClient := server.Client()
	httpClient.Transport.(*http.Transport).MaxIdleConnsPerHost = workers
	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer-will-do"), wrapper.WithBaseURL(server.URL),
		wrapper.WithHTTPClient(httpClient), wrapper.WithRetry(wrapper.Retry{Delay: time.Millisecond}))
	if err != nil {
		return err
	}
	if got := run(client, workers, warmUp, time.Now().Add(duration)); got.lost() != 0 {
		return fmt.Errorf("warming up, %d calls were lost", got.lost())
	}
	requestsBefore := arrived(server)
	heapBefore := heap()

	began := time.Now()
	got := run(client, workers, most, began.Add(duration))
	took := time.Since(began)
	requests := arrived(server) - requestsBefore
	heapAfter := heap()
	server.Close()
	goroutinesAfter := settled(goroutinesBefore)

	fmt.Printf("exchanges  %d in %s, %.0f a second, %d workers, seed %d\n",
		got.started, took.Round(time.Second), float64(got.started)/took.Seconds(), workers, seed)
	fmt.Printf("tokens     %d\n", got.tokens)
	fmt.Printf("errors     %v\n", got.errors)
	fmt.Printf("lost       %d\n", got.lost())
	fmt.Printf("retries    %d (requests beyond one for each exchange)\n", int64(requests)-got.started)
	fmt.Printf("time       p50 %s, p99 %s, max %s\n", got.at(50), got.at(99), got.at(100))
	fmt.Printf("heap       %.1f MiB at the start, %.1f MiB at the end\n", mib(heapBefore), mib(heapAfter))
	fmt.Printf("goroutines %d at the start, %d at the end\n", goroutinesBefore, goroutinesAfter)
	switch {
	case got.lost() != 0:
		return fmt.Errorf("%d calls were lost", got.lost())
	case got.errors["unexpected"] != 0:
		return fmt.Errorf("%d calls failed in a way that no fault explains", got.errors["unexpected"])
	case int64(heapAfter)-int64(heapBefore) > mostGrowth:
		return fmt.Errorf("the heap grew by %.1f MiB", mib(heapAfter-heapBefore))
	case goroutinesAfter > goroutinesBefore:
		return errors.New("goroutines stayed")
	}
	return nil
}

// result is what became of the calls.
type result struct {
	started, tokens int64
	errors          map[string]int64
	times           *hdrhistogram.Histogram // of calls, in microseconds
}

func (r *result) lost() int64 {
	lost := r.started - r.tokens
	for _, n := range r.errors {
		lost -= n
	}
	return lost
}

func (r *result) at(percentile float64) time.Duration {
	return time.Duration(r.times.ValueAtPercentile(percentile)) * time.Microsecond
}

// run makes at most so many exchanges until a time.
func run(client *wrapper.Client, workers int, most int64, until time.Time) *result {
	newResult := func() *result {
		return &result{errors: map[string]int64{}, times: hdrhistogram.New(1, 60_000_000, 3)}
	}
	var (
		taken atomic.Int64
		all   = newResult()
		mu    sync.Mutex
		wg    sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			own := newResult()
			for taken.Add(1) <= most && time.Now().Before(until) {
				own.started++
				began := time.Now()
				token, err := client.GenerateToken(context.Background())
				_ = own.times.RecordValue(time.Since(began).Microseconds())
				switch {
				case err == nil && token.AccessToken != "":
					own.tokens++
				case err != nil:
					own.errors[kind(err)]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.started += own.started
			all.tokens += own.tokens
			for kind, n := range own.errors {
				all.errors[kind] += n
			}
			all.times.Merge(own.times)
		})
	}
	wg.Wait()
	return all
}

// kind names the errors that the faults can bring once the retries are used up.
func kind(err error) string {
	switch {
	case errors.Is(err, wrapper.ErrServer):
		return "ErrServer"
	case errors.Is(err, wrapper.ErrUnavailable):
		return "ErrUnavailable"
	}
	return "unexpected"
}

func arrived(server *emulator.Server) int {
	requests := server.Requests()
	return requests[len(requests)-1].Number
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// settled waits for goroutines that are about to end.
func settled(want int) int {
	for range 100 {
		if runtime.NumGoroutine() <= want {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
