package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// A call that panics, as with a nil context, takes the source from nobody else.
func TestTokenSource_OutlivesACallWithoutAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &endpoint{})
		first := mustToken(t, s)
		pass(50 * time.Minute)
		func() {
			defer func() { _ = recover() }()
			_, _ = s.Token(nil) //nolint:staticcheck // it is what is tested
		}()
		s.Invalidate(first)
		token, err := tokenWithin(t, s, time.Minute)
		if err != nil || token == first {
			t.Errorf("got %v, %v", token, err)
		}
	})
}

func TestTokenSource_OfNoClientPanicsAtTheCall(t *testing.T) {
	defer func() {
		contains(t, fmt.Sprint(recover()), "NewTokenSource(nil)")
	}()
	wrapper.NewTokenSource(nil)
	t.Error("got a source")
}

func TestTokenSource_MakesOneExchangeForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 10_000
		e := &endpoint{}
		s := source(t, e)
		impatient, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := s.Token(impatient)
			first <- err
		}()
		synctest.Wait() // the first caller has begun the exchange
		var served atomic.Int64
		var callersDone sync.WaitGroup
		for range callers - 1 {
			callersDone.Go(func() {
				if token, err := s.Token(t.Context()); err == nil && token.AccessToken == "token-1" {
					served.Add(1)
				}
			})
		}
		synctest.Wait()
		cancel()
		err := <-first
		checkEqual(t, "the caller that gave up: retryable", asError(t, err).Retryable(), false)
		checkEqual(t, "the caller that gave up: cancelled", errors.Is(err, context.Canceled), true)
		callersDone.Wait()
		checkEqual(t, "callers served", served.Load(), callers-1)
		checkEqual(t, "exchanges", e.count(), 1)
	})
}

func TestTokenSource_RenewsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		const hours = 48
		for range hours * 3600 {
			before := time.Now()
			token := mustToken(t, s)
			if waited := time.Since(before); waited > 0 && e.count() > 1 {
				t.Fatalf("a caller waited %v", waited)
			}
			if left := time.Until(token.ExpiresAt); left <= 30*time.Second {
				t.Fatalf("a caller got a token that expires in %v", left)
			}
			pass(time.Second)
		}
		if n := e.count(); n < hours*60/60 || n > hours*60/48+1 {
			t.Errorf("%d exchanges in %d hours, want one in 48 to 60 minutes", n, hours)
		}
		for i := 1; i < len(e.asked); i++ {
			if gap := e.asked[i].Sub(e.asked[i-1]); gap < 48*time.Minute || gap > 48*time.Minute+50*time.Second {
				t.Errorf("exchange %d came %v after the one before", i+1, gap)
			}
		}
	})
}

func TestTokenSource_MakesOneRenewalForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		mustToken(t, s)
		pass(50 * time.Minute)
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() { checkEqual(t, "token", mustToken(t, s).AccessToken, "token-1") })
		}
		callers.Wait()
		pass(2 * time.Second)
		checkEqual(t, "exchanges", e.count(), 2)
		checkEqual(t, "token", mustToken(t, s).AccessToken, "token-2")
	})
}

func TestTokenSource_RenewsAtAnotherMomentThanOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sources = 50
		var all []*wrapper.TokenSource
		e := &endpoint{}
		for range sources {
			all = append(all, source(t, e))
		}
		callAll := func() {
			var calls sync.WaitGroup
			for _, s := range all {
				calls.Go(func() { mustToken(t, s) })
			}
			calls.Wait()
		}
		callAll()
		pass(47 * time.Minute)
		for range 3 * 60 {
			callAll()
			pass(time.Second)
		}
		moments := map[time.Time]bool{}
		for _, at := range e.asked[sources:] {
			moments[at] = true
		}
		checkEqual(t, "renewals", len(e.asked)-sources, sources)
		if len(moments) < sources/4 {
			t.Errorf("%d sources renewed at %d moments", sources, len(moments))
		}
	})
}

// failingLater is an endpoint that fails once it is told to.
func failingLater(a answer) (*endpoint, *atomic.Bool) {
	var down atomic.Bool
	return &endpoint{fail: func() *answer {
		if down.Load() {
			return &a
		}
		return nil
	}}, &down
}

func TestTokenSource_ServesAValidTokenWhileItsRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, down := failingLater(failing(503))
		var log strings.Builder
		s := wrapper.NewTokenSource(inMemory(t, e, wrapper.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
		first := mustToken(t, s)
		down.Store(true)
		for time.Until(first.ExpiresAt) > 31*time.Second {
			before := time.Now()
			token := mustToken(t, s)
			checkEqual(t, "token", token.AccessToken, first.AccessToken)
			checkEqual(t, "wait", time.Since(before), 0)
			pass(time.Second)
		}
		tries := e.asked[1:]
		if len(tries) < 3 || len(tries) > 12 {
			t.Errorf("%d renewals were tried", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i].Sub(tries[i-1]); gap < 30*time.Second {
				t.Errorf("a renewal was tried %v after the one before", gap)
			}
		}
		contains(t, log.String(), `level=WARN msg="renewing the token failed`, "valid_for=1", "retry_in=", "503 Service Unavailable")
		if strings.Contains(log.String(), "canary") {
			t.Errorf("the log says %q", log.String())
		}
		down.Store(false)
		pass(2 * time.Second)
		if token := mustToken(t, s); token.AccessToken == first.AccessToken {
			t.Error("the old token was served within 30 s of its expiry")
		}
	})
}

func TestTokenSource_RenewsWithOneAttemptAndElseWithAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, down := failingLater(failing(500))
		s := source(t, e, wrapper.WithRenewalWindow(0.8, 0.8))
		first := mustToken(t, s)
		down.Store(true)
		pass(time.Until(first.ExpiresAt.Add(-12 * time.Minute)))
		mustToken(t, s)
		pass(20 * time.Second)
		checkEqual(t, "requests of the renewal", e.count()-1, 1)
		s.Invalidate(first)
		pass(time.Second)
		_, err := s.Token(t.Context())
		checkEqual(t, "attempts of the exchange", asError(t, err).Attempts, 4)
	})
}

func TestTokenSource_WaitsForTheRenewalUnderWayAndTriesOnIfItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		e := &endpoint{expiresIn: "40"}
		// The second request, the renewal, hangs until the token is gone, and then fails.
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if requests.Add(1) == 2 {
				<-time.After(20 * time.Second)
				return nil, io.ErrUnexpectedEOF
			}
			return e.RoundTrip(r)
		}), wrapper.WithRenewalWindow(0.1, 0.1))
		mustToken(t, s)
		pass(5 * time.Second)
		mustToken(t, s) // starts the renewal
		pass(6 * time.Second)
		before := time.Now()
		checkEqual(t, "token", mustToken(t, s).AccessToken, "token-2")
		checkEqual(t, "requests", requests.Load(), 3)
		if waited := time.Since(before); waited < 10*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestTokenSource_DropsTheTokenThatWasRefusedAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		first := mustToken(t, s)
		s.Invalidate(nil)
		s.Invalidate(&wrapper.Token{AccessToken: "another"})
		checkEqual(t, "after a refusal of another", mustToken(t, s), first)
		refused := *first
		s.Invalidate(&refused)
		second := mustToken(t, s)
		checkEqual(t, "after its refusal", second.AccessToken, "token-2")
		checkEqual(t, "exchanges", e.count(), 2)
		s.Invalidate(first) // a slow caller's refusal of what has been replaced
		checkEqual(t, "after a late refusal", mustToken(t, s), second)
	})
}

// What an exchange brings that was begun before the refusal is not served if it is what was refused.
func TestTokenSource_DoesNotServeTheRefusedTokenWhenARenewalBringsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			n := requests.Add(1)
			<-time.After(10 * time.Second)
			if n < 3 {
				n = 1
			}
			return tokenNamed(fmt.Sprintf("token-%d", n), "3600").RoundTrip(r)
		}))
		first := mustToken(t, s)
		pass(50 * time.Minute)
		mustToken(t, s) // starts the renewal
		pass(time.Second)
		s.Invalidate(first)
		token, err := tokenWithin(t, s, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "token", token.AccessToken, "token-3")
		checkEqual(t, "exchanges", requests.Load(), 3)
		pass(time.Minute)
		checkEqual(t, "token afterwards", mustToken(t, s).AccessToken, "token-3")
	})
}

// A late refusal of an older token does not make the source forget which one was refused last.
func TestTokenSource_RemembersTheRefusedTokenThroughALateRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		tokens := []string{"a", "b", "b", "c"}
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			n := requests.Add(1)
			<-time.After(10 * time.Second)
			return tokenNamed(tokens[min(int(n), len(tokens))-1], "3600").RoundTrip(r)
		}))
		a := mustToken(t, s)
		pass(50 * time.Minute)
		mustToken(t, s) // starts the renewal that brings b
		pass(time.Minute)
		b := mustToken(t, s)
		checkEqual(t, "renewed", b.AccessToken, "b")
		pass(50 * time.Minute)
		mustToken(t, s) // starts the renewal that brings b again
		pass(time.Second)
		s.Invalidate(b)
		s.Invalidate(a)
		token, err := tokenWithin(t, s, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "token", token.AccessToken, "c")
	})
}

func TestTokenSource_StartsNothingForACallerWhoseContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := source(t, e).Token(ctx)
		synctest.Wait()
		checkEqual(t, "exchanges", e.count(), 0)
		checkEqual(t, "cancelled", errors.Is(err, context.Canceled), true)
		if text := asError(t, err).Error(); strings.Contains(text, "request id") {
			t.Errorf("%q names ids of a request that there was not", text)
		}
	})
}

// A token that is at hand costs no look at the context.
func TestTokenSource_ServesACallerWhoseContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &endpoint{})
		first := mustToken(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		token, err := s.Token(ctx)
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "token", token, first)
	})
}

// An exchange has the values of the context that began it, such as a trace, but for its request id: with it the service
// would give the same token again.
func TestTokenSource_ExchangesWithTheValuesOfTheCallersContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		var ofBearer, ofTransport []any
		client := withBearer(t, func(ctx context.Context) (string, error) {
			ofBearer = append(ofBearer, ctx.Value(key{}))
			return bearer, nil
		}, on(roundTrip(func(r *http.Request) (*http.Response, error) {
			ofTransport = append(ofTransport, r.Context().Value(key{}))
			return e.RoundTrip(r)
		})))
		s := wrapper.NewTokenSource(client)
		requestID, correlationID := uuid.New(), uuid.New()
		ctx := wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(t.Context(), correlationID), requestID)
		for _, value := range []string{"first", "renewal"} {
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, key{}, value), 2*time.Second)
			if _, err := s.Token(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			pass(50 * time.Minute)
		}
		if len(ofBearer) != 2 || len(ofTransport) != 2 {
			t.Fatalf("%d bearers, %d requests", len(ofBearer), len(ofTransport))
		}
		for i, want := range []any{"first", "renewal"} {
			checkEqual(t, "value in the bearer", ofBearer[i], want)
			checkEqual(t, "value in the transport", ofTransport[i], want)
			checkEqual(t, "correlation id", e.sent[i].Get("ms-correlationid"), correlationID.String())
			if id := e.sent[i].Get("ms-requestid"); id == requestID.String() || uuid.Validate(id) != nil {
				t.Errorf("the request id is %s, the caller's %s", id, requestID)
			}
		}
	})
}

func TestTokenSource_ShowsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &script{answers: []answer{ok()}})
		checkEqual(t, "without a token", fmt.Sprint(s), "TokenSource{<nil>}")
		mustToken(t, s)
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%x"} {
			text := fmt.Sprintf(verb, s)
			contains(t, text, "REDACTED")
			if strings.Contains(text, "canary") {
				t.Errorf("%s: %s", verb, text)
			}
		}
	})
}

func TestTokenSource_ServesWithoutAllocating(t *testing.T) {
	s := source(t, &script{answers: []answer{ok()}})
	ctx := t.Context()
	mustToken(t, s)
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Token(ctx) }); n > 0 {
		t.Errorf("a cached read allocates %v times", n)
	}
}

func TestTokenSource_ServesManyCallersThatRefuseTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			n := n.Add(1)
			if n%5 == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return tokenNamed(fmt.Sprintf("token-%d", n), "35").RoundTrip(r)
		}), wrapper.WithRenewalWindow(0.0001, 0.001), wrapper.WithRenewalPause(time.Microsecond))
		var callers sync.WaitGroup
		for i := range 32 {
			callers.Go(func() {
				for j := range 300 {
					token, err := s.Token(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if (i+j)%7 == 0 {
						s.Invalidate(token)
					}
				}
			})
		}
		callers.Wait()
	})
}
