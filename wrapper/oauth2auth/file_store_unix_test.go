//go:build unix

package oauth2auth_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestFileStore_FileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "readable by all")
	save(t, path, "first")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFileStore_FollowsNoSymbolicLink(t *testing.T) {
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, "token")
	write(t, target, "of somebody else")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if got, err := oauth2auth.FileStore(path).Load(t.Context()); err == nil || got != "" || !strings.Contains(err.Error(), path) {
		t.Errorf("Load returned %q, %v", got, err)
	}
	save(t, path, "first")
	if got, err := os.ReadFile(target); err != nil || string(got) != "of somebody else" {
		t.Errorf("Save wrote through the link: %q, %v", got, err)
	}
	if got := load(t, path); got != "first" {
		t.Errorf("Load after Save returned %q", got)
	}
}

func TestFileStore_RefusesWhatIsNoRefreshToken(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	write(t, large, strings.Repeat("x", 1<<20))
	pipe := filepath.Join(folder, "pipe") // reading one that nobody writes to would wait for ever
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{large, folder, pipe, os.DevNull} {
		if got, err := oauth2auth.FileStore(path).Load(t.Context()); err == nil || got != "" {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
}

func TestFileStore_WorksAfterAProcessWasKilledAtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	save(t, path, longToken(0))
	for range 40 {
		saver := exec.CommandContext(t.Context(), os.Args[0])
		saver.Env = append(os.Environ(), savePath+"="+path)
		out, err := saver.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := saver.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(out)
		_, _ = said.ReadString('\n')
		time.Sleep(rand.N(5 * time.Millisecond)) // real: the moment has to be any
		_ = saver.Process.Kill()
		if more, _ := io.ReadAll(said); len(more) > 0 {
			t.Fatalf("the process ended by itself: %s", more)
		}
		_ = saver.Wait()
		if token := load(t, path); !isWhole(token) {
			t.Fatalf("left %d bytes", len(token))
		}
	}
	save(t, path, "afterwards")
	if got := load(t, path); got != "afterwards" {
		t.Errorf("got %q", got)
	}
}
