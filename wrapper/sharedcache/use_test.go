package sharedcache_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUse_RefusesWhatCannotWork(t *testing.T) {
	tests := map[string]struct {
		store    sharedcache.Store
		identity string
		secret   []byte
		says     string
	}{
		"no store":       {nil, identity, secret, "store"},
		"a nil Eval":     {sharedcache.Eval(nil), identity, secret, "store"},
		"no identity":    {&memory{}, "", secret, "identity"},
		"blank identity": {&memory{}, " \n", secret, "identity"},
		"no secret":      {&memory{}, identity, nil, "16 bytes"},
		"short secret":   {&memory{}, identity, []byte("canary-15-bytes"), "16 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				text, _ := recover().(string)
				if !strings.Contains(text, test.says) || strings.Contains(text, "canary") {
					t.Errorf("the panic says %q", text)
				}
			}()
			sharedcache.Use(test.store, test.identity, test.secret)
		})
	}
	sharedcache.Use(&memory{}, "x", secret[:16])
}

func TestUse_SharesNoTokenBetweenPlaces(t *testing.T) {
	other := []byte("canary-of-another-random-secret!")
	tests := map[string]func(t *testing.T, e *endpoint, store sharedcache.Store) *wrapper.TokenSource{
		"another identity": func(t *testing.T, e *endpoint, store sharedcache.Store) *wrapper.TokenSource {
			return wrapper.NewTokenSource(client(t, e), useAs(store, identity+"2", secret))
		},
		"another secret": func(t *testing.T, e *endpoint, store sharedcache.Store) *wrapper.TokenSource {
			return wrapper.NewTokenSource(client(t, e), useAs(store, identity, other))
		},
		"another endpoint": func(t *testing.T, e *endpoint, store sharedcache.Store) *wrapper.TokenSource {
			return wrapper.NewTokenSource(client(t, e, wrapper.WithBaseURL("https://service.example")), use(store))
		},
	}
	for name, another := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				e, store := &endpoint{}, &memory{}
				first := mustToken(t, source(t, e, store))
				if token := mustToken(t, another(t, e, store)); token.AccessToken == first.AccessToken {
					t.Error("got the token of another place")
				}
				if token := mustToken(t, source(t, e, store)); token.AccessToken != first.AccessToken {
					t.Error("the first place was changed")
				}
			})
		})
	}
}

func TestUse_CopiesTheSecretAndServesSeveralSources(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store, wiped := &endpoint{}, &memory{}, bytes.Clone(secret)
		option := sharedcache.Use(store, identity, wiped)
		clear(wiped)
		var sources []*wrapper.TokenSource
		for range 10 {
			sources = append(sources, wrapper.NewTokenSource(client(t, e), option))
		}
		sources = append(sources, source(t, e, store))
		if got := askAll(t, sources); e.count() != 1 || len(got.tokens) != 1 {
			t.Errorf("%d exchanges, %d tokens", e.count(), len(got.tokens))
		}
		call(t, sources, 6*time.Hour, 10*time.Second)
		if n := e.count(); n > 11 {
			t.Errorf("%d exchanges in six hours", n)
		}
	})
}

func TestStore_HoldsNeitherTokenNorIdentity(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var put bytes.Buffer
		e, store := &endpoint{}, &memory{}
		store.put = func(key string, old, value []byte, ttl time.Duration) (bool, bool) {
			if value != nil && ttl <= 0 {
				t.Errorf("a value was put for %v", ttl)
			}
			put.WriteString(key)
			put.Write(old)
			put.Write(value)
			return false, false
		}
		s := source(t, e, store)
		e.answer = failing(403, "")
		_, _ = s.Token(t.Context()) // a lease that leaves nothing
		e.answer = nil
		pass(2 * time.Second)
		first := mustToken(t, s)
		s.Invalidate(first) // a gravestone
		mustToken(t, s)
		pass(40 * time.Minute)
		e.answer = failing(429, "60") // a failure
		mustToken(t, s)
		pass(time.Second)
		if put.Len() < 500 {
			t.Fatalf("%d bytes were put", put.Len())
		}
		for _, text := range []string{"canary", "bearer", "microsoft", "token", "Token"} {
			if bytes.Contains(put.Bytes(), []byte(text)) {
				t.Errorf("the store was given %q", text)
			}
		}
	})
}

func TestSharedToken_KeepsWhatTheServiceSaid(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := &endpoint{delay: 10 * time.Second}
		store := &memory{before: func(string, string) error { <-time.After(100 * time.Millisecond); return nil }}
		first := mustToken(t, source(t, e, store))
		pass(time.Minute)
		store.fail(nil)
		store.given = func(_ string, value []byte, left time.Duration) ([]byte, time.Duration) {
			<-time.After(450 * time.Millisecond) // on the way back
			return value, left
		}
		second := mustToken(t, source(t, e, store))
		off := first.ExpiresAt.Sub(second.ExpiresAt)
		if second.AccessToken != first.AccessToken || second.TokenType != "bearer" || second.RequestID != first.RequestID ||
			second.CorrelationID != first.CorrelationID || off < 0 || off > time.Second {
			t.Errorf("of %v became %v", first, second)
		}
	})
}

func TestStoreFailure_IsLoggedOnceAndWithoutSecrets(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store, log := &endpoint{}, &memory{}, &lines{}
		s := wrapper.NewTokenSource(client(t, e, wrapper.WithLogger(log.logger())), use(store))
		mustToken(t, s)
		store.fail(func(string, string) error {
			return errors.New("AUTH eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.canary-signature failed")
		})
		call(t, []*wrapper.TokenSource{s}, 10*time.Minute, 10*time.Second)
		if text := log.String(); strings.Count(text, "the store of shared tokens fails") != 1 || strings.Contains(text, "canary") {
			t.Errorf("the log says %q", text)
		}
	})
}

func TestStoreThatIsWell_IsNotLogged(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e, store, log := &endpoint{delay: 10 * time.Second}, &memory{}, &lines{}
		var sources []*wrapper.TokenSource
		for range 20 {
			sources = append(sources, wrapper.NewTokenSource(client(t, e, wrapper.WithLogger(log.logger())), use(store)))
		}
		askAll(t, sources)
		call(t, sources, 3*time.Hour, 10*time.Second)
		if text := log.String(); text != "" {
			t.Errorf("the log says %q", text)
		}
	})
}

func TestEval_RefusesAnAnswerThatIsNotTheScripts(t *testing.T) {
	for _, answer := range []string{"", "OK", "<nil>", "nonsense value"} {
		eval := sharedcache.Eval(func(context.Context, string, string, ...string) (string, error) { return answer, nil })
		if value, _, err := eval.Get(t.Context(), "key"); err == nil {
			t.Errorf("Get took %q for %q", answer, value)
		}
		if _, err := eval.Swap(t.Context(), "key", nil, []byte("x"), time.Second); err == nil {
			t.Errorf("Swap took %q", answer)
		}
	}
}

func TestEval_PutsAValueForAMillisecondAtLeast(t *testing.T) {
	eval := sharedcache.Eval(func(_ context.Context, _, _ string, args ...string) (string, error) {
		if got := args[len(args)-1]; got != "1" {
			t.Errorf("it is put for %q milliseconds", got)
		}
		return "true", nil
	})
	if swapped, err := eval.Swap(t.Context(), "key", nil, []byte("x"), time.Microsecond); err != nil || !swapped {
		t.Errorf("got %v, %v", swapped, err)
	}
}

func TestPackage_NeedsTheWrapperAlone(t *testing.T) {
	list := func(pkg string) map[string]bool {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, path := range strings.Fields(string(out)) {
			found[path] = true
		}
		return found
	}
	const here = "github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
	wrappers := list("..")
	if wrappers[here] {
		t.Error("wrapper imports sharedcache")
	}
	for path := range list(".") {
		if path != here && !wrappers[path] {
			t.Errorf("sharedcache imports %s", path)
		}
	}
}
