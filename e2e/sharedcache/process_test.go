package sharedcache

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// replica is the variable that makes this program a replica: the client to use, the engine's address and the
// service's URL.
const replica = "SHAREDCACHE_REPLICA"

func TestMain(m *testing.M) {
	if how := os.Getenv(replica); how != "" {
		if err := beReplica(strings.Fields(how)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beReplica gets a token, prints it and how long it took, and ends.
func beReplica(how []string) error {
	store, closed, err := clients[how[0]](how[1])
	if err != nil {
		return err
	}
	defer closed()
	s, err := newSource(how[2], http.DefaultTransport, store)
	if err != nil {
		return err
	}
	asked := time.Now()
	token, err := s.Token(context.Background())
	if err != nil {
		return err
	}
	_, err = fmt.Println(token.AccessToken, time.Since(asked).Milliseconds())
	return err
}

func command(t *testing.T, client string, e *engine, service *emulator.Server) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), replica+"="+strings.Join([]string{client, e.address, service.URL}, " "))
	return cmd
}

func TestProcesses_MakeOneExchange(t *testing.T) {
	for client := range clients {
		t.Run(client, func(t *testing.T) {
			e, service := startEngine(t), startService(t)
			for _, round := range []struct {
				name      string
				exchanges int
			}{{"cold", 1}, {"warm", 1}} {
				var mu sync.Mutex
				tokens, slowest := map[string]int{}, 0
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						out, err := command(t, client, e, service).CombinedOutput()
						mu.Lock()
						defer mu.Unlock()
						var token string
						var took int
						if _, scanned := fmt.Sscan(string(out), &token, &took); err != nil || scanned != nil {
							t.Errorf("%v: %s", err, out)
						}
						tokens[token]++
						slowest = max(slowest, took)
					})
				}
				all.Wait()
				if n := len(service.Requests()); n != round.exchanges || len(tokens) != 1 {
					t.Errorf("50 %s processes: %d exchanges so far, %d tokens", round.name, n, len(tokens))
				}
				t.Logf("50 %s processes: the slowest waited %d ms", round.name, slowest)
			}
		})
	}
}

func TestKilledLeaseHolder_DelaysOthersByItsLease(t *testing.T) {
	e := startEngine(t)
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Delay: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	holder := command(t, "go-redis", e, service)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	for len(service.Requests()) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the holder made no exchange")
		}
		time.Sleep(10 * time.Millisecond) // until the other process has got so far
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	tokens, failed, slowest := askAll(t, sources(t, 50, service, open(t, "valkey-go", e.address)))
	if n := len(service.Requests()); failed > 0 || slowest > 15*time.Second || n != 2 || len(tokens) != 1 {
		t.Errorf("%d failed, the slowest waited %v, %d exchanges, %d tokens", failed, slowest, n, len(tokens))
	}
	t.Logf("the slowest waited %v", slowest)
}
