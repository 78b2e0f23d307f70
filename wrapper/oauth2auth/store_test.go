package oauth2auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper/oauth2auth"
)

func TestRefreshToken_SavesTheNewRefreshTokenBeforeItHandsOutTheAccessToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, store := make(chan struct{}), stored()
		store.save = func(context.Context) { <-release }
		returned := false
		go func() {
			_, _ = oauth2auth.RefreshToken(config, store)((&entra{}).in(t.Context()))
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Error("the access token was handed out while the refresh token was being saved")
		}
		close(release)
		synctest.Wait()
		if !returned || store.token != "canary-refresh-1" {
			t.Errorf("returned: %t; the store has %s", returned, store.token)
		}
	})
}

func TestRefreshToken_DoesNotSaveARefreshTokenThatStaysTheSame(t *testing.T) {
	e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, `{"access_token":"t"}`) }}
	store := stored()
	bear(t, e.in(t.Context()), oauth2auth.RefreshToken(config, store))
	if store.saves != 0 {
		t.Errorf("%d saves", store.saves)
	}
}

func TestRefreshToken_TriesAFailedSaveAgainAtTheNextCall(t *testing.T) {
	e, store := &entra{}, &memory{token: "canary-refresh-0", failures: 2}
	ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, store)
	for range 2 {
		if token, err := bearer(ctx); !errors.Is(err, errStore) || token != "" {
			t.Errorf("while the store fails: %q, %v", token, err)
		}
	}
	if got := bear(t, ctx, bearer); got != "canary-access-1" {
		t.Errorf("got %s", got)
	}
	if n := len(e.requests()); n != 1 || store.token != "canary-refresh-1" {
		t.Errorf("after %d exchanges the store has %s", n, store.token)
	}
}

func TestRefreshToken_UsesWhatTheStoreHasAndNotWhatItRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, store := &entra{}, stored()
		ctx, bearer := e.in(t.Context()), oauth2auth.RefreshToken(config, store)
		bear(t, ctx, bearer)
		store.token = "canary-of-another-replica"
		time.Sleep(time.Hour)
		bear(t, ctx, bearer)
		if got := e.requests()[1].Get("refresh_token"); got != "canary-of-another-replica" {
			t.Errorf("Entra got %s", got)
		}
	})
}

func TestRefreshToken_WorksOnAfterACrashBetweenUseAndSaving(t *testing.T) {
	e, store := &entra{}, stored()
	store.save = func(context.Context) { panic("killed") }
	if _, err := oauth2auth.RefreshToken(config, store)(e.in(t.Context())); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
	store.save = nil
	bear(t, e.in(t.Context()), oauth2auth.RefreshToken(config, store))
	if got := e.requests()[1].Get("refresh_token"); got != "canary-refresh-0" {
		t.Errorf("the next process used %s", got)
	}
}

func TestRefreshToken_SharesAStoreWithOtherReplicas(t *testing.T) {
	e := &entra{answer: func(w http.ResponseWriter, _ *http.Request, n int) { grant(w, n, `"expires_in":1,`) }}
	ctx, store := e.in(t.Context()), oauth2auth.FileStore(t.TempDir()+"/token")
	if err := store.Save(ctx, "canary-refresh-0"); err != nil {
		t.Fatal(err)
	}
	var replicas sync.WaitGroup
	for range 4 {
		bearer := oauth2auth.RefreshToken(config, store)
		replicas.Go(func() {
			for range 25 {
				if _, err := bearer(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	replicas.Wait()
	known := map[string]bool{"canary-refresh-0": true}
	for n := range e.requests() {
		known[fmt.Sprint("canary-refresh-", n+1)] = true
	}
	for _, form := range e.requests() {
		if got := form.Get("refresh_token"); !known[got] {
			t.Errorf("Entra got %q, which it never gave", got)
		}
	}
}
