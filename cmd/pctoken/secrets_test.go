package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

// secret matches the bearers of these tests, in letters and in hexadecimal digits, and the tokens of the emulator.
var secret = regexp.MustCompile(`canary|63616e617279|[A-Z2-7]{26}`)

func clean(t *testing.T, where, text string) {
	t.Helper()
	if at := secret.FindStringIndex(text); at != nil {
		t.Errorf("%s shows a secret: …%s…", where, text[max(0, at[0]-80):min(len(text), at[1]+80)])
	}
}

// everyFault is one of each, so that every path of an error is taken.
var everyFault = []string{
	"200", "500:times=9", "400", "401", "401:code=900420", "403", "404", "408:times=9", "429:retry-after=3600", "307", "501", "502:html:times=9",
	"503:empty:times=9", "html", "empty", "malformed", "content-type=text/plain", "content-type=text/xml", "truncate:times=9",
	"reset:times=9", "reset-after-headers:times=9", "delay=1h", "huge",
}

// TestSecrets_AreInNoOutputButTheResult runs every command that has one at every verbosity through every fault.
func TestSecrets_AreInNoOutputButTheResult(t *testing.T) {
	bearerFile := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(bearerFile, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spec := range everyFault {
		t.Run(spec, func(t *testing.T) {
			t.Parallel()
			for _, verbose := range []string{"--verbose=false", "--verbose"} {
				fault, err := emulator.ParseFault(spec)
				if err != nil {
					t.Fatal(err)
				}
				server, err := emulator.Start(emulator.WithFaults(fault))
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				retries := "--retries=1"
				if fault.Status == 200 {
					retries = "--retries=0"
				}
				var stdout, stderr bytes.Buffer
				run(t.Context(), []string{"get", verbose, retries, "--timeout", "3s", "--url", server.URL, "--bearer-file", bearerFile,
					"--accept", "application/json", "--output", "json"}, strings.NewReader(""), &stdout, &stderr)
				clean(t, "standard error of get", stderr.String())
				if strings.Contains(stdout.String(), "canary") {
					t.Errorf("get printed the bearer")
				}
				stdout.Reset()
				stderr.Reset()
				run(t.Context(), []string{"doctor", verbose, "--timeout", "3s", "--url", server.URL, "--bearer-file", bearerFile},
					strings.NewReader(""), &stdout, &stderr)
				clean(t, "doctor", stdout.String()+stderr.String())
				clean(t, "what the emulator kept", fmt.Sprintf("%#v", server.Requests()))
				clean(t, "the admin API", string(ask(t, http.MethodGet, server.URL+"/_emulator/requests", "")))
			}
		})
	}
}

func TestSecrets_AreInNoUsageError(t *testing.T) {
	for _, bearer := range []string{canary + "\ncanary", "canary canary", canary + "\x00", ""} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"get", "--emulator", "--bearer-file", "-", "--verbose"}, strings.NewReader(bearer), &stdout, &stderr)
		clean(t, "get", stdout.String()+stderr.String())
		if code != exitUsage {
			t.Errorf("%q: exit code %d", bearer, code)
		}
	}
	for _, url := range []string{"https://canary:canary@host.example", "user:canary@host.example", "https://host.example?sig=canary", "https://host.example/%zz?canary"} {
		for _, command := range []string{"get", "doctor"} {
			var stdout, stderr bytes.Buffer
			run(t.Context(), []string{command, "--url", url, "--bearer-file", "-", "--verbose"}, strings.NewReader(canary), &stdout, &stderr)
			clean(t, command, stdout.String()+stderr.String())
		}
	}
}

// TestSecrets_AreInNoExportedValue formats, encodes and logs whatever a program can get hold of.
func TestSecrets_AreInNoExportedValue(t *testing.T) {
	for _, spec := range everyFault {
		if spec == "delay=1h" {
			continue // nothing comes of it that the others do not bring
		}
		t.Run(spec, func(t *testing.T) {
			fault, err := emulator.ParseFault(spec)
			if err != nil {
				t.Fatal(err)
			}
			server, err := emulator.Start(emulator.WithFaults(fault))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
			retry := wrapper.Retry{MaxRetries: 1, Delay: 1}
			client, err := wrapper.NewClient(wrapper.StaticBearer(canary), wrapper.WithBaseURL(server.URL),
				wrapper.WithHTTPClient(server.Client()), wrapper.WithRetry(retry), wrapper.WithLogger(logger))
			if err != nil {
				t.Fatal(err)
			}
			source := wrapper.NewTokenSource(client)
			token, callErr := client.GenerateToken(t.Context())
			cached, sourceErr := source.Token(t.Context())
			credential := azureauth.Credential(source)
			_, azureErr := credential.GetToken(t.Context(), policy.TokenRequestOptions{})
			oauth2 := oauth2auth.TokenSource(t.Context(), source)
			_, oauth2Err := oauth2.Token()
			for name, value := range map[string]any{
				"Client": client, "Client, not a pointer": *client, "Token": token, "Error": callErr,
				"TokenSource": source, "its token": cached, "its error": sourceErr, "Retry": retry, "BearerFunc": wrapper.StaticBearer(canary),
				"the Azure credential": credential, "its error too": azureErr, "the OAuth source": oauth2, "its error as well": oauth2Err,
				"Server": server, "Emulator": server.Emulator, "Requests": server.Requests(), "Faults": server.Faults(),
			} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
					clean(t, name+" in "+verb, fmt.Sprintf(verb, value))
					clean(t, name+" within another in "+verb, fmt.Sprintf(verb, struct{ V any }{value}))
				}
				if encoded, err := json.Marshal(value); err == nil {
					clean(t, name+" in JSON", string(encoded))
				}
				logger.Info("a value", "value", value)
				slog.New(slog.NewJSONHandler(&log, nil)).Info("a value", "value", value)
			}
			clean(t, "the log", log.String())
		})
	}
}

// panicking sends nothing, and panics as a broken transport might.
type panicking struct{}

func (panicking) RoundTrip(r *http.Request) (*http.Response, error) { panic("broken transport") }

func TestSecrets_AreInNoPanic(t *testing.T) {
	client, err := wrapper.NewClient(wrapper.StaticBearer(canary), wrapper.WithHTTPClient(&http.Client{Transport: panicking{}}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		clean(t, "the panic", fmt.Sprint(recover())+string(debug.Stack()))
	}()
	_, _ = client.GenerateToken(t.Context())
	t.Error("it did not panic")
}

// watched keeps everything that goes over a connection but the header and the body that have to hold a secret.
type watched struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen strings.Builder
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	header := r.Header.Clone()
	header.Del("Authorization")
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	fmt.Fprintln(&w.seen, r.Method, r.URL, header, string(content))
	w.mu.Unlock()
	return w.next.RoundTrip(r)
}

func TestSecrets_AreInNoURLNoBodyAndNoOtherHeader(t *testing.T) {
	server, err := emulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	watch := &watched{next: server.Client().Transport}
	for _, opts := range [][]wrapper.Option{nil, {wrapper.WithLegacyEndpoint()}, {wrapper.WithMediaType(wrapper.MediaTypeXML)}, {wrapper.WithMediaType(wrapper.MediaTypeJSON)}} {
		client, err := wrapper.NewClient(wrapper.StaticBearer(canary),
			append(opts, wrapper.WithBaseURL(server.URL), wrapper.WithHTTPClient(&http.Client{Transport: watch}))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.GenerateToken(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	clean(t, "a request", watch.seen.String())
	if !strings.Contains(watch.seen.String(), "generatetoken") {
		t.Error("nothing was sent")
	}
}
