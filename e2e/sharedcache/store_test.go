package sharedcache

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestEval_IsAStoreWithEachClient(t *testing.T) {
	e := startEngine(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name := range clients {
		t.Run(name, func(t *testing.T) {
			ctx, store, key := t.Context(), open(t, name, e.address), "key of "+name
			get := func(want []byte, most time.Duration) {
				t.Helper()
				value, left, err := store.Get(ctx, key)
				if err != nil || !bytes.Equal(value, want) || (value == nil) != (want == nil) {
					t.Fatalf("Get: %q, %v, %v; want %q", value, left, err, want)
				}
				if want != nil && (left <= most-10*time.Second || left > most) || want == nil && left > 0 {
					t.Fatalf("Get: %v left, want %v", left, most)
				}
			}
			swap := func(old, value []byte, ttl time.Duration, want bool) {
				t.Helper()
				if swapped, err := store.Swap(ctx, key, old, value, ttl); err != nil || swapped != want {
					t.Fatalf("Swap of %q for %q: %t, %v; want %t", old, value, swapped, err, want)
				}
			}
			get(nil, 0)
			swap([]byte("a"), every, time.Minute, false)
			swap(nil, every, time.Minute, true)
			get(every, time.Minute)
			swap(nil, []byte("b"), time.Minute, false)
			swap([]byte("b"), nil, 0, false)
			swap(every, []byte(" 1 "), time.Hour, true)
			get([]byte(" 1 "), time.Hour)
			swap([]byte(" 1 "), nil, 0, true)
			get(nil, 0)
			swap(nil, every, 20*time.Millisecond, true)
			for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
				if value, _, err := store.Get(ctx, key); err != nil || value == nil {
					break
				}
			}
			get(nil, 0)
		})
	}
}

func TestEval_LetsOneOfManySwapsWin(t *testing.T) {
	e := startEngine(t)
	for name := range clients {
		t.Run(name, func(t *testing.T) {
			store := open(t, name, e.address)
			var won atomic.Int64
			var swaps sync.WaitGroup
			for i := range 200 {
				swaps.Go(func() {
					if swapped, err := store.Swap(t.Context(), name, nil, []byte{byte(i)}, time.Minute); err != nil {
						t.Error(err)
					} else if swapped {
						won.Add(1)
					}
				})
			}
			swaps.Wait()
			if won.Load() != 1 {
				t.Errorf("%d swaps won", won.Load())
			}
		})
	}
}

// A value that somebody made permanent, or that is of another type, is an error or none, and no token.
func TestEval_WithAKeyThatIsNotItsOwn(t *testing.T) {
	e := startEngine(t)
	client := redis.NewClient(&redis.Options{Addr: e.address})
	t.Cleanup(func() { _ = client.Close() })
	store, ctx := redisStore(client), context.Background()
	if err := client.Set(ctx, "permanent", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, left, err := store.Get(ctx, "permanent"); err != nil || left > 0 {
		t.Errorf("a permanent value: %v left, %v", left, err)
	}
	if err := client.LPush(ctx, "list", "x").Err(); err != nil {
		t.Fatal(err)
	}
	if value, _, err := store.Get(ctx, "list"); err == nil {
		t.Errorf("a list: %q", value)
	}
}
