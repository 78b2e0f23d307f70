package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBearer_ComesFromAFileStandardInputOrTheEnvironment(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(file, []byte(canary+".file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(bearerVariable, canary+".environment")
	for want, args := range map[string][]string{
		"file": {"--bearer-file", file}, "stdin": {"--bearer-file", "-"}, "environment": nil,
	} {
		_, stderr, code := pctoken(t, canary+".stdin", append([]string{"get", "--url", server.URL}, args...)...)
		if code != 0 || got != "Bearer "+canary+"."+want {
			t.Errorf("%s: exit code %d, sent %q, %s", want, code, got, stderr)
		}
	}
}

func TestBearer_IsReadNoFurtherThanABearerCanBe(t *testing.T) {
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("a"), maxBearer+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/dev/zero", long} {
		if _, stderr, code := pctoken(t, "", "get", "--bearer-file", file); code != exitUsage || !strings.Contains(stderr, "65536 bytes") {
			t.Errorf("%s: exit code %d, %s", file, code, stderr)
		}
	}
}
