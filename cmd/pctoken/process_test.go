package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

func bearerFile(t *testing.T, bearer string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(file, []byte(bearer), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
