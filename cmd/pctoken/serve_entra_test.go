package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startEntra runs serve --entra as a process, with its certificate in dir, and returns its URL and the shell lines that
// it prints to sign in with.
func startEntra(t *testing.T, dir string, args ...string) (url string, shell []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"serve", "--entra", "--require-mfa", "--cert-dir", dir}, args...)...)
	cmd.Env = []string{asProgram + "=1"}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stderr); len(shell) < 5 && lines.Scan(); {
		if command, ok := strings.CutPrefix(lines.Text(), "  "); ok {
			shell = append(shell, command)
		}
	}
	if len(shell) != 5 || !strings.HasPrefix(shell[0], "export ") {
		t.Fatalf("serve printed %q", shell)
	}
	return strings.TrimSpace(line), shell
}

// inShell runs lines in dir, in a shell that knows pctoken.
func inShell(t *testing.T, dir string, lines ...string) (output string, err error) {
	t.Helper()
	script := "pctoken() { " + asProgram + "=1 '" + os.Args[0] + "' \"$@\"; }\nset -e\n" + strings.Join(lines, "\n")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// approval finds what the line sends that serve prints to approve a code with, and where.
var approval = regexp.MustCompile(`^curl --cacert \S+ -d '([^']+)' (\S+)$`)

var tokenLine = regexp.MustCompile(`(?m)^[A-Z2-7]{26}$`)

func TestServe_SaysHowToSignIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, shell := startEntra(t, dir, "--sign-in", "mfa")
	setup, asApplication, login, asPerson := shell[0], shell[1], shell[2], shell[3]
	out, err := inShell(t, dir, setup, asApplication)
	if err != nil || !tokenLine.MatchString(out) {
		t.Errorf("as an application: %v, %s", err, out)
	}
	held := map[string]bool{}
	for i, line := range []string{login, asPerson, asPerson, strings.Replace(asPerson, "get", "doctor", 1)} {
		out, err := inShell(t, dir, setup, line)
		if err != nil || strings.Contains(line, "get") && !tokenLine.MatchString(out) {
			t.Errorf("%s: %v, %s", line, err, out)
		}
		content, err := os.ReadFile(filepath.Join(dir, "refresh-token"))
		if held[string(content)] = true; err != nil || len(held) != i+1 || strings.Contains(out, strings.TrimSpace(string(content))) {
			t.Errorf("after %s the file is no new one, %v: %s", line, err, out)
		}
	}
}

func TestServe_RequireMFARefusesASignInWithoutIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, shell := startEntra(t, dir, "--sign-in", "password")
	out, err := inShell(t, dir, shell[0], shell[2])
	if err == nil || !strings.Contains(out, "PROBLEM  the user signed in without MFA") {
		t.Errorf("login: %v, %s", err, out)
	}
	out, err = inShell(t, dir, shell[0], shell[3])
	if err == nil || !strings.Contains(out, "900421") {
		t.Errorf("get: %v, %s", err, out)
	}
}

func TestServe_ADeclinedSignInEndsLogin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, shell := startEntra(t, dir, "--sign-in", "decline")
	if out, err := inShell(t, dir, shell[0], shell[2]); err == nil || !strings.Contains(out, "pctoken: the sign-in was declined\n") {
		t.Errorf("login: %v, %s", err, out)
	}
}

// A person reads the code on standard error and answers at the emulator; here its admin API is the person.
func TestServe_APersonSignsInByDeviceCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, shell := startEntra(t, dir)
	answered := make(chan error, 1)
	go func() {
		answered <- func() error {
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
				time.Sleep(20 * time.Millisecond) // real: another process answers, and only its answer says that it has come so far
				resp, err := insecure.Get(url + "/_emulator/devicecodes")
				if err != nil {
					return err
				}
				var waiting []struct{ UserCode string }
				err = json.NewDecoder(resp.Body).Decode(&waiting)
				_ = resp.Body.Close()
				if err != nil {
					return err
				}
				if len(waiting) == 0 {
					continue
				}
				said := approval.FindStringSubmatch(shell[4])
				if said == nil {
					return fmt.Errorf("serve printed %q", shell[4])
				}
				resp, err = insecure.Post(said[2], "application/x-www-form-urlencoded", strings.NewReader(strings.Replace(said[1], "CODE", waiting[0].UserCode, 1)))
				if err != nil {
					return err
				}
				return resp.Body.Close()
			}
			return fmt.Errorf("no code came")
		}()
	}()
	out, err := inShell(t, dir, shell[0], shell[2], shell[3])
	if err != nil || !strings.Contains(out, url+"/devicelogin") || !strings.Contains(out, "signed in with MFA") || !tokenLine.MatchString(out) {
		t.Errorf("%v, %s", err, out)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	insecure.CloseIdleConnections()
}

func TestServe_APersonSignsInWithTheBrowser(t *testing.T) {
	dir := t.TempDir()
	_, shell := startEntra(t, dir, "--sign-in", "mfa")
	path := playBrowser(t, nil)[0]
	out, err := inShell(t, dir, shell[0], "export '"+path+"'", shell[2]+" --browser", shell[3])
	if err != nil || !tokenLine.MatchString(out) {
		t.Errorf("%v, %s", err, out)
	}
}

func TestServe_SingleUseRefreshTokensAreRefusedTheSecondTime(t *testing.T) {
	dir := t.TempDir()
	_, shell := startEntra(t, dir, "--sign-in", "mfa", "--single-use-refresh-tokens")
	out, err := inShell(t, dir, shell[0], shell[2], "cp refresh-token used", shell[3], "cp used refresh-token", shell[3])
	if err == nil || !tokenLine.MatchString(out) || !strings.Contains(out, "AADSTS50173") || !strings.Contains(out, "pctoken login") {
		t.Errorf("%v, %s", err, out)
	}
}
