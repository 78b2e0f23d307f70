package oauth2auth_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

// savePath is the environment variable that makes this test binary save tokens in a file until it is killed.
const savePath = "OAUTH2AUTH_SAVE_UNTIL_KILLED"

// longToken is a token as long as Entra's are, which says in each part which one it is.
func longToken(n int) string { return strings.Repeat(fmt.Sprintf("%04d.", n), 400) }

func isWhole(token string) bool {
	return len(token) == 2000 && token == strings.Repeat(token[:5], 400)
}

func saveUntilKilled(path string) {
	fmt.Println("saving")
	for n := 0; ; n++ {
		if err := oauth2auth.FileStore(path).Save(context.Background(), longToken(n%10000)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func save(t *testing.T, path, token string) {
	t.Helper()
	if err := oauth2auth.FileStore(path).Save(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, path string) string {
	t.Helper()
	token, err := oauth2auth.FileStore(path).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// write makes a file as somebody else would.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// names returns the names in a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	return got
}

func TestFileStore_LoadsWhatWasSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, token := range []string{"first", "second"} {
		save(t, path, token)
		if got := load(t, path); got != token {
			t.Errorf("got %q, want %q", got, token)
		}
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("the folder has %q", got)
	}
}

func TestFileStore_TakesANameInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	save(t, "token", "first")
	if got := load(t, "token"); got != "first" {
		t.Errorf("got %q", got)
	}
}

func TestFileStore_HasNoRefreshTokenWithoutAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if got := load(t, path); got != "" {
		t.Errorf("without a file: %q", got)
	}
	write(t, path, " \n")
	if got := load(t, path); got != "" {
		t.Errorf("with an empty file: %q", got)
	}
}

func TestFileStore_DropsWhiteSpaceAroundTheToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "\r\n first \r\n")
	if got := load(t, path); got != "first" {
		t.Errorf("got %q", got)
	}
}

func TestFileStore_LeavesTheOldTokenWhenItCannotSave(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "missing")
	if err := oauth2auth.FileStore(filepath.Join(folder, "token")).Save(t.Context(), "canary"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("without a folder: %v", err)
	}
	path := t.TempDir() // a folder is in the way
	if err := oauth2auth.FileStore(path).Save(t.Context(), "canary"); err == nil {
		t.Error("a folder was replaced")
	}
	for _, name := range names(t, filepath.Dir(path)) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s was left", name)
		}
	}
}

func TestFileStore_RemovesWhatAKilledProcessLeft(t *testing.T) {
	folder := t.TempDir()
	kept := []string{".other.1.tmp", ".token.2.tmp", ".token.backup.tmp", ".token.3", "token.4.tmp"}
	for _, name := range append(kept, ".token.1.tmp") {
		write(t, filepath.Join(folder, name), "left")
		if name == ".token.2.tmp" {
			continue // as young as one that another process is about to rename
		}
		hourAgo := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(folder, name), hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	save(t, filepath.Join(folder, "token"), "first")
	want := []string{".other.1.tmp", ".token.2.tmp", ".token.3", ".token.backup.tmp", "token", "token.4.tmp"}
	if got := names(t, folder); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the folder has %q\nwant           %q", got, want)
	}
}

func TestFileStore_IsNeverTornUnderConcurrentUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	save(t, path, longToken(0))
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := range 25 {
				if err := oauth2auth.FileStore(path).Save(t.Context(), longToken(100*w+n)); err != nil {
					t.Error(err)
				}
				if token, err := oauth2auth.FileStore(path).Load(t.Context()); err != nil || !isWhole(token) {
					t.Errorf("loaded %d bytes, %v", len(token), err)
				}
			}
		})
	}
	writers.Wait()
}
