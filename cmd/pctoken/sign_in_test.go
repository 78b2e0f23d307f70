package main

import (
	"fmt"
	"net/http"
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
	for cloud, audience := range map[string]string{
		"global": "https://api.partnercenter.microsoft.com", "usgov": "https://api.partnercenter.microsoft.com",
		"china": "https://partner.partnercenterapi.microsoftonline.cn",
	} {
		stdout, stderr, state := program(t, entra(t, "secret"), "doctor", "--url", service(t).URL, "--cloud", cloud)
		if state.ExitCode() != 0 || !strings.Contains(stdout, `is for Partner Center: ["`+audience+`"]`) {
			t.Errorf("%s: exit code %d, %s%s", cloud, state.ExitCode(), stdout, stderr)
		}
	}
}

func TestSignIn_TriesTheChosenCredentialAlone(t *testing.T) {
	environment := append(entra(t, "secret"), "PATH=", bearerVariable+"=canary-not-this-one")
	_, stderr, state := program(t, environment, "get", "--url", service(t).URL, "--credential", "azure-cli")
	if state.ExitCode() != exitOther || !strings.Contains(stderr, "AzureCLICredential") || strings.Contains(stderr, "EnvironmentCredential") {
		t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
	}
	environment = append(environment, credentialsVariable+"=AzureCLICredential")
	for _, name := range []string{"environment", "EnvironmentCredential"} {
		if stdout, stderr, state := program(t, environment, "get", "--url", service(t).URL, "--credential", name); state.ExitCode() != 0 {
			t.Errorf("%s: exit code %d, %q, %s", name, state.ExitCode(), stdout, stderr)
		}
	}
}

func TestSignIn_ThatMaySucceedLaterHasItsOwnExitCode(t *testing.T) {
	unavailable := map[string]http.HandlerFunc{"token": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After-Ms", "1") // azidentity's pauses are long
		w.WriteHeader(http.StatusServiceUnavailable)
	}}
	nobody := append(playEntra(t, nil), authorityVariable+"=https://127.0.0.1:1")
	file := bearerFile(t, "canary-refresh")
	for name, test := range map[string]struct {
		environment, args []string
		says              string
	}{
		"an application, out of order": {playEntra(t, unavailable), nil, "Entra is not available now"},
		"a person, out of order":       {playEntra(t, unavailable), []string{"--refresh-token-file", file}, "Entra is not available now"},
		"a person, no network":         {nobody, []string{"--refresh-token-file", file}, "no answer came from Entra at 127.0.0.1:1 (dial tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			environment := append(test.environment, "AZURE_TENANT_ID="+testTenant, "AZURE_CLIENT_ID="+testClient, credentialsVariable+"=EnvironmentCredential")
			_, stderr, state := program(t, environment, append([]string{"get", "--url", service(t).URL}, test.args...)...)
			if state.ExitCode() != exitUnavailable || !strings.Contains(stderr, test.says) || !strings.Contains(stderr, "try again later") || strings.Contains(stderr, "AZURE_CLIENT_ID") {
				t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
			}
			stdout, stderr, state := program(t, environment, append([]string{"doctor", "--url", service(t).URL}, test.args...)...)
			if state.ExitCode() != exitOther || !strings.Contains(stdout, test.says) || stderr != "pctoken: problems found: 1\n" {
				t.Errorf("doctor: exit code %d, %s%s", state.ExitCode(), stdout, stderr)
			}
		})
	}
}

func TestSignIn_TakesItsTenantAndApplicationFromTheFlags(t *testing.T) {
	environment := append(entra(t, "secret"), "AZURE_TENANT_ID=", "AZURE_CLIENT_ID=another")
	stdout, stderr, state := program(t, environment, "doctor", "--url", service(t).URL, "--tenant-id", testTenant, "--client-id", testClient)
	if state.ExitCode() != 0 || !strings.Contains(stdout, fmt.Sprintf("tenant %q and application %q", testTenant, testClient)) {
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
		"no credential of a group": {
			[]string{"AZURE_TOKEN_CREDENTIALS=dev", "PATH="},
			[]string{"AzurePowerShellCredential"},
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
			if strings.Contains(test.environment[0], "=dev") && strings.Contains(stderr, "EnvironmentCredential") {
				t.Errorf("it names what was not tried: %s", stderr)
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
