package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/oauth2"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

var quiet = log.New(io.Discard, "", 0)

// sourceFunc is a token source that is a function.
type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func TestBearer_ReturnsWhenTheContextEndsAndCallsTokenOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		release := make(chan struct{})
		bearer := oauth2auth.Bearer(sourceFunc(func() (*oauth2.Token, error) {
			calls.Add(1)
			<-release
			return &oauth2.Token{AccessToken: "t"}, nil
		}))
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { synctest.Wait(); cancel() }()
			if _, err := bearer(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
		}
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				if token, err := bearer(t.Context()); token != "t" {
					t.Errorf("got %q, %v", token, err)
				}
			})
		}
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("Token was called %d times", n)
		}
		close(release)
		callers.Wait()
		if _, err := bearer(t.Context()); err != nil || calls.Load() != 2 {
			t.Errorf("after %d calls of Token: %v", calls.Load(), err)
		}
	})
}

func TestBearer_DoesNotCallTokenForACallerThatGaveUpBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	bearer := oauth2auth.Bearer(sourceFunc(func() (*oauth2.Token, error) {
		t.Error("Token was called")
		return nil, nil
	}))
	if _, err := bearer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBearer_MakesAnErrorOfWhateverATokenSourceDoes(t *testing.T) {
	var nothing *oauth2.Token
	for name, c := range map[string]struct {
		token sourceFunc
		want  string
	}{
		"a panic":          {func() (*oauth2.Token, error) { panic("access_token=canary1") }, "panic in"},
		"a runtime error":  {func() (*oauth2.Token, error) { return nil, errors.New(nothing.AccessToken) }, "MakesAnErrorOf"},
		"an ended routine": {func() (*oauth2.Token, error) { runtime.Goexit(); return nil, nil }, "ended its goroutine"},
		"nothing":          {func() (*oauth2.Token, error) { return nil, nil }, "neither a token nor an error"},
		"an error":         {func() (*oauth2.Token, error) { return nil, io.ErrClosedPipe }, "closed pipe"},
	} {
		bearer := oauth2auth.Bearer(c.token)
		for range 2 { // the next call begins anew
			_, err := bearer(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %s", name, err, c.want)
			}
			if strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestNil_PanicsWhereItIsPassed(t *testing.T) {
	var typed *failed
	for name, call := range map[string]func(){
		"oauth2auth: Bearer(nil)":                func() { oauth2auth.Bearer(nil) },
		"oauth2auth: Bearer(nil): pass":          func() { oauth2auth.Bearer(typed) },
		"oauth2auth: TokenSource(nil)":           func() { oauth2auth.TokenSource(t.Context(), (*wrapper.TokenSource)(nil)) },
		"oauth2auth: RefreshToken(nil, store)":   func() { oauth2auth.RefreshToken(nil, stored()) },
		"oauth2auth: RefreshToken(config, nil)":  func() { oauth2auth.RefreshToken(config, nil) },
		"oauth2auth: RefreshToken(config, nil):": func() { oauth2auth.RefreshToken(config, (*memory)(nil)) },
		`oauth2auth: FileStore("")`:              func() { oauth2auth.FileStore("") },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, name) {
					t.Errorf("%s: the panic says %q", name, said)
				}
			}()
			call()
		}()
	}
}

// failed is a token source whose constructor returned an error that nobody looked at.
type failed struct{ token *oauth2.Token }

func (f *failed) Token() (*oauth2.Token, error) { return f.token, nil }
