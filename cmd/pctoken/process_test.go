package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// program runs pctoken as a process of its own, in an environment of these variables alone, and returns what it printed
// and how it ended.
func program(t *testing.T, environment []string, args ...string) (stdout, stderr string, state *os.ProcessState) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(environment, asProgram+"=1", "HOME="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	for _, printed := range []string{out.String(), errs.String()} {
		if strings.Contains(printed, "canary") {
			t.Errorf("a secret was printed: %s", printed)
		}
	}
	return out.String(), errs.String(), cmd.ProcessState
}

// entra starts a server that plays Entra and returns the environment of an application that can sign in there.
func entra(t *testing.T, secret string) []string {
	t.Helper()
	server, err := emulator.StartTLS(emulator.WithEntra())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	certificate := filepath.Join(t.TempDir(), "entra.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Authority().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"SSL_CERT_FILE=" + certificate,
		"AZURE_AUTHORITY_HOST=" + server.URL,
		"AZURE_TOKEN_CREDENTIALS=EnvironmentCredential", // no other is to be tried, least of all over the network
		"AZURE_TENANT_ID=5a3d9a0c-0000-4000-8000-47c7ecd2edbd",
		"AZURE_CLIENT_ID=an-application",
		"AZURE_CLIENT_SECRET=" + secret,
	}
}

func service(t *testing.T) *emulator.Server {
	t.Helper()
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestGetSignsInToEntraWhereThereIsNoBearer(t *testing.T) {
	server := service(t)
	stdout, stderr, state := program(t, entra(t, "canary"), "get", "--url", server.URL)
	if state.ExitCode() != 0 || stderr != "" || !regexp.MustCompile(`^[A-Z2-7]{26}\n$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

func TestTheCloudChoosesTheScope(t *testing.T) {
	// The emulator is the global service: a token for China's audience is not for it.
	_, stderr, state := program(t, entra(t, "secret"), "get", "--url", service(t).URL, "--cloud", "china")
	if state.ExitCode() != 3 || !strings.Contains(stderr, "code 900420") ||
		!strings.Contains(stderr, "https://partner.partnercenterapi.microsoftonline.cn") {
		t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
	}
}

func TestTheTenantIsTheFlags(t *testing.T) {
	const tenant = "7b3d9a0c-0000-4000-8000-47c7ecd2edbd"
	environment := append(entra(t, "secret"), "AZURE_TENANT_ID=")
	stdout, stderr, state := program(t, environment, "doctor", "--url", service(t).URL, "--tenant-id", tenant)
	if state.ExitCode() != 0 || !strings.Contains(stdout, `tenant "`+tenant+`"`) {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctorSaysOverWhichTLSTheServiceAnswers(t *testing.T) {
	environment := entra(t, "secret")
	_, tlsServer, _ := strings.Cut(environment[1], "=") // any server will do whose certificate is trusted there
	stdout, stderr, state := program(t, environment, "doctor", "--url", tlsServer)
	if state.ExitCode() != 0 || !strings.Contains(stdout, "answers over TLS 1.3") {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctorThatRunsOutOfTimeHasItsOwnExitCode(t *testing.T) {
	stdout, stderr, state := program(t, entra(t, "secret"), "doctor", "--url", service(t).URL, "--timeout", "1ns")
	if state.ExitCode() != 1 || !strings.Contains(stderr, "deadline") {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestDoctorSaysWhatKeepsItFromSigningIn(t *testing.T) {
	_, stderr, state := program(t, entra(t, "wrong"), "doctor", "--url", service(t).URL)
	if state.ExitCode() != 1 || !strings.Contains(stderr, "Entra answered: AADSTS7000215") || strings.Contains(stderr, "attempts") {
		t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
	}
}

func TestASignInThatFailsSaysInShortWhatToDo(t *testing.T) {
	tests := map[string]struct {
		environment []string
		says        []string
	}{
		"no credential at all": {
			[]string{"AZURE_TOKEN_CREDENTIALS=dev", "PATH="},
			[]string{"AzureCLICredential", "az login", "AzureDeveloperCLICredential", "azd auth login", "--bearer-file"},
		},
		"nothing in the environment": {
			[]string{"AZURE_TOKEN_CREDENTIALS=EnvironmentCredential"},
			[]string{"EnvironmentCredential", "AZURE_CLIENT_ID", "--bearer-file"},
		},
		"a wrong secret": {
			entra(t, "wrong"),
			[]string{"ClientSecretCredential", "Entra answered: AADSTS7000215: Invalid client secret provided.", "--bearer-file"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := service(t)
			stdout, stderr, state := program(t, test.environment, "get", "--url", server.URL)
			if state.ExitCode() != 1 || stdout != "" || len(server.Requests()) != 0 {
				t.Errorf("exit code %d, %q, %d exchanges", state.ExitCode(), stdout, len(server.Requests()))
			}
			for _, want := range test.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
			if lines := strings.Count(stderr, "\n"); lines > 8 || strings.Contains(stderr, "----") {
				t.Errorf("%d lines: %s", lines, stderr)
			}
			_, verbose, _ := program(t, test.environment, "get", "--url", server.URL, "--verbose")
			if len(verbose) <= len(stderr) {
				t.Errorf("--verbose says no more: %s", verbose)
			}
		})
	}
}

func TestExecRunsACommandWithTheToken(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH"), bearerVariable + "=canary-bearer", tokenVariable + "=canary-old"}
	url := service(t).URL
	script := `echo "$PARTNERCENTER_ACCESS_TOKEN|$PARTNERCENTER_BEARER|$1|$(tr '\0' ' ' </proc/$$/cmdline || ps -o args= -p $$)"; exit 7`
	stdout, stderr, state := program(t, environment, "exec", "--url", url, "--", "sh", "-c", script, "sh", "-v")
	parts := strings.SplitN(strings.TrimSpace(stdout), "|", 4)
	if state.ExitCode() != 7 || len(parts) != 4 || stderr != "" {
		t.Fatalf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
	}
	if token := parts[0]; !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(token) || strings.Contains(parts[3], token) {
		t.Errorf("the command saw %q", stdout)
	}
	if parts[1] != "" || parts[2] != "-v" {
		t.Errorf("the command got the bearer %q and the argument %q", parts[1], parts[2])
	}
}

func TestExecPassesSignalsOn(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH")}
	_, _, state := program(t, environment, "exec", "--emulator", "--", "sh", "-c", "kill -TERM $$")
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", state)
	}
	// The process is the command itself, so a signal to it is one to the command.
	stdout, _, state := program(t, environment, "exec", "--emulator", "--", "sh", "-c", "trap 'echo caught; exit 3' INT; kill -INT $$; wait")
	if stdout != "caught\n" || state.ExitCode() != 3 {
		t.Errorf("it printed %q and ended with %v", stdout, state)
	}
}

func TestExecWithoutACommandOrAToken(t *testing.T) {
	environment := []string{"PATH=" + os.Getenv("PATH")}
	notExecutable := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no command":           {[]string{"exec", "--emulator"}, 2, "requires at least 1 arg"},
		"no such command":      {[]string{"exec", "--emulator", "--", "does-not-exist"}, 127, "does-not-exist"},
		"no such file":         {[]string{"exec", "--emulator", "--", "/does/not/exist"}, 127, "/does/not/exist"},
		"no program":           {[]string{"exec", "--emulator", "--", notExecutable}, 126, "permission denied"},
		"no token":             {[]string{"exec", "--emulator", "--fault", "403", "--", "true"}, 3, "403"},
		"no service":           {[]string{"exec", "--emulator", "--fault", "501", "--", "true"}, 4, "501"},
		"a flag of no meaning": {[]string{"exec", "--output", "json", "--", "true"}, 2, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, state := program(t, environment, test.args...)
			if state.ExitCode() != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
			}
		})
	}
}
