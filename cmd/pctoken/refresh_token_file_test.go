package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each command uses the file's token and puts the new one in its place.
func TestRefreshTokenFile_IsReplacedByEachCommandThatUsesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("canary-refresh-0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	uses, next := 0, give(t, withMFA)
	environment := playEntra(t, map[string]http.HandlerFunc{"token": func(w http.ResponseWriter, r *http.Request) {
		if want := fmt.Sprintf("canary-refresh-%d", uses); r.PostFormValue("refresh_token") != want ||
			r.PostFormValue("grant_type") != "refresh_token" || r.PostFormValue("client_secret") == "" {
			t.Errorf("use %d sent %v", uses, r.PostForm)
		}
		uses++
		next(w, r)
	}})
	environment = append(environment, "AZURE_CLIENT_ID="+testClient, bearerVariable+"=canary-not-this-one", "PATH="+os.Getenv("PATH"))
	url := service(t).URL
	for i, args := range [][]string{{"get"}, {"doctor"}, {"exec", "--", "sh", "-c", `test -n "$PARTNERCENTER_ACCESS_TOKEN"`}} {
		flags := []string{args[0], "--url", url, "--tenant-id", testTenant, "--refresh-token-file", file}
		stdout, stderr, state := program(t, environment, append(flags, args[1:]...)...)
		if state.ExitCode() != 0 {
			t.Errorf("%v: exit code %d, %s%s", args, state.ExitCode(), stdout, stderr)
		}
		if content, err := os.ReadFile(file); err != nil || string(content) != fmt.Sprintf("canary-refresh-%d\n", i+1) {
			t.Errorf("after %v the file holds %q, %v", args, content, err)
		}
	}
}

func TestRefreshTokenFile_ThatIsOfNoUseSaysToSignInAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	args := []string{"get", "--client-id", testClient, "--tenant-id", testTenant, "--refresh-token-file", file, "--url", service(t).URL}
	environment := playEntra(t, map[string]http.HandlerFunc{"token": refuse("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")})
	started := time.Now()
	for name, content := range map[string]string{"missing": "", "expired": "canary-refresh-0"} {
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, stderr, state := program(t, environment, args...)
		want := fmt.Sprintf("pctoken login --client-id %s --tenant-id %s --refresh-token-file %s", testClient, testTenant, file)
		if state.ExitCode() != exitOther || !strings.Contains(stderr, want) || name == "expired" && !strings.Contains(stderr, "AADSTS700082") {
			t.Errorf("%s: exit code %d, %s", name, state.ExitCode(), stderr)
		}
		_ = os.Remove(file)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// issuing plays Entra for refresh tokens, and takes each that it has given: Entra does not revoke one that was used.
func issuing(t *testing.T, first string) (environment []string, issued func(refreshToken string) bool, uses *atomic.Int32) {
	t.Helper()
	var known sync.Map
	known.Store(first, true)
	uses = new(atomic.Int32)
	access := signed(t, withMFA)
	environment = playEntra(t, map[string]http.HandlerFunc{"token": func(w http.ResponseWriter, r *http.Request) {
		if _, ok := known.Load(r.PostFormValue("refresh_token")); !ok {
			refuse("invalid_grant", "AADSTS9002313: malformed")(w, r)
			return
		}
		uses.Add(1)
		next := "canary-" + strings.Repeat(rand.Text(), 60) // as long as Entra's
		known.Store(next, true)
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": access, "refresh_token": next})
	}})
	return environment, func(refreshToken string) bool {
		_, ok := known.Load(refreshToken)
		return ok
	}, uses
}

func TestRefreshTokenFile_CanBeSharedByProcesses(t *testing.T) {
	t.Parallel()
	const processes, each = 2, 15
	file := bearerFile(t, "canary-first")
	environment, issued, uses := issuing(t, "canary-first")
	url := service(t).URL
	var running sync.WaitGroup
	for range processes {
		running.Go(func() {
			for range each {
				_, stderr, state := program(t, environment, "get", "--url", url, "--client-id", testClient, "--tenant-id", testTenant, "--refresh-token-file", file)
				if state.ExitCode() != 0 {
					t.Errorf("exit code %d: %s", state.ExitCode(), stderr)
				}
				content, err := os.ReadFile(file)
				if err != nil || !issued(strings.TrimSpace(string(content))) {
					t.Errorf("the file holds %d bytes that Entra has not given, %v", len(content), err)
				}
			}
		})
	}
	running.Wait()
	if n := uses.Load(); n != processes*each {
		t.Errorf("Entra was used %d times", n)
	}
}

func TestRefreshTokenFile_WorksAfterAProcessWasKilled(t *testing.T) {
	t.Parallel()
	file := bearerFile(t, "canary-first")
	environment, issued, _ := issuing(t, "canary-first")
	url := service(t).URL
	args := []string{"get", "--url", url, "--client-id", testClient, "--tenant-id", testTenant, "--refresh-token-file", file}
	var whole time.Duration // of a run that nobody kills
	for i := range 40 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(environment, asProgram+"=1")
		started := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var killer *time.Timer
		if whole > 0 {
			killer = time.AfterFunc(whole*time.Duration(i)/36, func() { _ = cmd.Process.Kill() })
		}
		err := cmd.Wait()
		if whole == 0 {
			if err != nil {
				t.Fatal(err)
			}
			whole = time.Since(started)
		} else {
			killer.Stop()
		}
		content, err := os.ReadFile(file)
		if err != nil || !issued(strings.TrimSpace(string(content))) {
			t.Fatalf("killed after %d of 36 parts: the file holds %d bytes that Entra has not given, %v", i, len(content), err)
		}
	}
	if _, stderr, state := program(t, environment, args...); state.ExitCode() != 0 {
		t.Errorf("exit code %d: %s", state.ExitCode(), stderr)
	}
}
