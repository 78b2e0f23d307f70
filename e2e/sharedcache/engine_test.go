// Package sharedcache tests the package of the same name with a real engine, its two usual clients, and processes.
package sharedcache

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"

	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

// engine is a Valkey or Redis server on a port of its own.
type engine struct {
	address string
	dir     string // with all that was ever put into it
	process *os.Process
	ended   chan struct{}
}

// start runs an engine until stop is called.
func start(dir string) (*engine, error) {
	program, err := exec.LookPath("valkey-server")
	if err != nil {
		program, err = exec.LookPath("redis-server")
	}
	if err != nil {
		return nil, errors.New("neither valkey-server nor redis-server is installed; Debian has both as packages")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().(*net.TCPAddr)
	_ = listener.Close() // the engine takes the port next
	cmd := exec.Command(program, "--port", strconv.Itoa(address.Port), "--bind", "127.0.0.1", "--dir", dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	e := &engine{address: address.String(), dir: dir, process: cmd.Process, ended: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(e.ended) }()
	client := redis.NewClient(&redis.Options{Addr: e.address})
	defer client.Close()
	for range 100 {
		if err = client.Ping(context.Background()).Err(); err == nil {
			return e, nil
		}
		time.Sleep(50 * time.Millisecond) // another process starts: there is nothing to wait for
	}
	e.stop()
	return nil, err
}

func (e *engine) stop() {
	_ = e.process.Signal(syscall.SIGCONT) // if a test froze it
	_ = e.process.Kill()
	<-e.ended
}

// startEngine runs an engine for a test.
func startEngine(t *testing.T) *engine {
	t.Helper()
	e, err := start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	return e
}

// written returns the bytes of all commands that changed anything in the engine.
func (e *engine) written(t *testing.T) []byte {
	t.Helper()
	var all []byte
	files, err := filepath.Glob(filepath.Join(e.dir, "appendonlydir", "*"))
	if err != nil {
		t.Fatal(err)
	}
	older, _ := filepath.Glob(filepath.Join(e.dir, "*.aof")) // before Redis 7
	for _, file := range append(files, older...) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return all
}

// clients are the ways to an engine that users have.
var clients = map[string]func(address string) (store sharedcache.Store, closed func(), err error){
	"valkey-go": func(address string) (sharedcache.Store, func(), error) {
		client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{address}, DisableCache: true})
		if err != nil {
			return nil, nil, err
		}
		return valkeyStore(client), client.Close, nil
	},
	"go-redis": func(address string) (sharedcache.Store, func(), error) {
		client := redis.NewClient(&redis.Options{Addr: address})
		return redisStore(client), func() { _ = client.Close() }, nil
	},
}

func open(t *testing.T, client, address string) sharedcache.Store {
	t.Helper()
	store, closed, err := clients[client](address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closed)
	return store
}

func valkeyStore(client valkey.Client) sharedcache.Store {
	return sharedcache.Eval(func(ctx context.Context, script, key string, args ...string) (string, error) {
		return client.Do(ctx, client.B().Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()).ToString()
	})
}

func redisStore(client *redis.Client) sharedcache.Store {
	return sharedcache.Eval(func(ctx context.Context, script, key string, args ...string) (string, error) {
		return client.Eval(ctx, script, []string{key}, args).Text()
	})
}
