package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestSignIn_HappensWhereThereIsNoBearer(t *testing.T) {
	server := service(t)
	stdout, stderr, state := program(t, entra(t, "canary"), "get", "--url", server.URL)
	if state.ExitCode() != 0 || stderr != "" || !regexp.MustCompile(`^[A-Z2-7]{26}\n$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q, %s", state.ExitCode(), stdout, stderr)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

func TestSignIn_TakesItsScopeFromTheCloud(t *testing.T) {
	// The emulator is the global service: a token for China's audience is not for it.
	_, stderr, state := program(t, entra(t, "secret"), "get", "--url", service(t).URL, "--cloud", "china")
	if state.ExitCode() != 3 || !strings.Contains(stderr, "code 900420") ||
		!strings.Contains(stderr, "https://partner.partnercenterapi.microsoftonline.cn") {
		t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
	}
}

func TestSignIn_TakesItsTenantFromTheFlag(t *testing.T) {
	const tenant = "7b3d9a0c-0000-4000-8000-47c7ecd2edbd"
	environment := append(entra(t, "secret"), "AZURE_TENANT_ID=")
	stdout, stderr, state := program(t, environment, "doctor", "--url", service(t).URL, "--tenant-id", tenant)
	if state.ExitCode() != 0 || !strings.Contains(stdout, `tenant "`+tenant+`"`) {
		t.Errorf("exit code %d, %s%s", state.ExitCode(), stdout, stderr)
	}
}

func TestSignIn_ThatFailsSaysInShortWhatToDo(t *testing.T) {
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
