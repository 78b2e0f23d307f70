package wrapper_test

import (
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestTokenSource_ServesATokenForItsLifetimeLessTheMargin(t *testing.T) {
	const hour = 59*time.Minute + 30*time.Second
	tests := map[string]struct {
		expiresIn string
		opts      []wrapper.SourceOption
		served    time.Duration // how long the token is served to callers that come every second
	}{
		"unknown":                {"null", nil, 4*time.Minute + 30*time.Second},
		"unknown, by option":     {"null", options(wrapper.WithUnknownLifetime(2 * time.Minute)), 90 * time.Second},
		"an hour":                {"3600", nil, hour},
		"with another margin":    {"3600", options(wrapper.WithExpiryMargin(5 * time.Minute)), 55 * time.Minute},
		"with a short margin":    {"3600", options(wrapper.WithExpiryMargin(time.Second)), 59*time.Minute + 59*time.Second},
		"hardly longer":          {"33", nil, 3 * time.Second},
		"as short as the margin": {"30", nil, 0},
		"shorter":                {"20", nil, 0},
		"expired on arrival":     {"0", nil, 0},
		"negative":               {"-1", nil, 0},
		"options of zero":        {"3600", options(wrapper.WithExpiryMargin(0), wrapper.WithUnknownLifetime(-1)), hour},
		"a window that is none":  {"3600", options(wrapper.WithRenewalWindow(2, 1)), hour},
		"a window from zero":     {"3600", options(wrapper.WithRenewalWindow(0, 1)), hour},
		"a window of no number":  {"3600", options(wrapper.WithRenewalWindow(math.NaN(), math.NaN())), hour},
		"a renewal at the limit": {"3600", options(wrapper.WithRenewalWindow(1, 1)), hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Renewals never end, so the first token is served for as long as it may be.
				var n atomic.Int64
				e := &endpoint{expiresIn: test.expiresIn}
				s := source(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					if n.Add(1) > 1 {
						return hang(r)
					}
					return e.RoundTrip(r)
				}), test.opts...)
				asked := time.Now()
				token := mustToken(t, s)
				last := time.Duration(0)
				for {
					again, err := tokenWithin(t, s, time.Millisecond)
					if err != nil {
						break
					}
					checkEqual(t, "token", again, token)
					pass(time.Second)
					last = time.Since(asked)
				}
				if last > test.served+time.Second || last < test.served-time.Second {
					t.Errorf("the token was served for %v, want %v", last, test.served)
				}
				pass(3 * time.Minute) // for what is under way to run into its limit
			})
		})
	}
}

// The window says in which part of the lifetime a renewal begins.
func TestTokenSource_RenewsWithinItsWindow(t *testing.T) {
	for name, test := range map[string]struct {
		opts     []wrapper.SourceOption
		from, to time.Duration
	}{
		"by default":    {nil, 48 * time.Minute, 48*time.Minute + 37*time.Second},
		"another":       {options(wrapper.WithRenewalWindow(0.5, 0.5)), 30 * time.Minute, 30*time.Minute + time.Second},
		"to the end":    {options(wrapper.WithRenewalWindow(0.9, 1)), 54 * time.Minute, time.Hour},
		"one that ends": {options(wrapper.WithRenewalWindow(0.5, 1.5)), 48 * time.Minute, 48*time.Minute + 37*time.Second}, // is none
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					e := &endpoint{}
					s := source(t, e, test.opts...)
					start := time.Now()
					mustToken(t, s)
					for e.count() < 2 {
						pass(time.Second)
						mustToken(t, s)
						synctest.Wait()
					}
					if at := e.asked[1].Sub(start); at < test.from || at > test.to {
						t.Errorf("renewed after %v, want %v to %v", at, test.from, test.to)
					}
					pass(time.Second)
				})
			}
		})
	}
}

// The largest duration is a long one: nothing overflows, nothing storms.
func TestTokenSource_TakesTheLargestDurations(t *testing.T) {
	for name, test := range map[string]struct {
		opts      []wrapper.SourceOption
		expiresIn string
		down      bool // from when the first token is there
		most      int  // requests in an hour
	}{
		"renewal pause":                    {opts: options(wrapper.WithRenewalPause(math.MaxInt64)), down: true, most: 2},
		"unknown lifetime":                 {opts: options(wrapper.WithUnknownLifetime(math.MaxInt64)), expiresIn: "null", most: 1},
		"shared failure":                   {opts: options(wrapper.WithSharedFailure(math.MaxInt64)), most: 3},
		"exchange timeout":                 {opts: options(wrapper.WithExchangeTimeout(math.MaxInt64)), most: 3},
		"exchange timeout, a bit less":     {opts: options(wrapper.WithExchangeTimeout(math.MaxInt64 - 1e6)), most: 3},
		"expiry margin":                    {opts: options(wrapper.WithExpiryMargin(math.MaxInt64)), most: 300},
		"expiry margin, a bit less":        {opts: options(wrapper.WithExpiryMargin(math.MaxInt64 - 1e9)), most: 300},
		"lifetime":                         {opts: options(wrapper.WithRenewalWindow(0.8, 0.8)), expiresIn: "9223372036854775807", most: 1},
		"lifetime, renewed at its end":     {opts: options(wrapper.WithRenewalWindow(1, 1)), expiresIn: "9223372036854775807", most: 1},
		"unknown, renewed at its end":      {opts: options(wrapper.WithUnknownLifetime(math.MaxInt64), wrapper.WithRenewalWindow(1, 1)), expiresIn: "null", most: 1},
		"unknown, with the least margin":   {opts: options(wrapper.WithUnknownLifetime(math.MaxInt64), wrapper.WithExpiryMargin(1), wrapper.WithRenewalWindow(1, 1)), expiresIn: "null", most: 1},
		"renewal pause, at the end of all": {opts: options(wrapper.WithRenewalPause(math.MaxInt64), wrapper.WithUnknownLifetime(math.MaxInt64)), expiresIn: "null", most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, down := failingLater(failing(503))
				e.expiresIn = test.expiresIn
				s := source(t, e, test.opts...)
				checkEqual(t, "first token", mustToken(t, s).AccessToken, "token-1")
				down.Store(test.down)
				for until := time.Now().Add(59 * time.Minute); time.Now().Before(until); pass(time.Second) {
					if _, err := tokenWithin(t, s, time.Minute); err != nil {
						t.Fatal(err)
					}
				}
				if n := e.count(); n > test.most {
					t.Errorf("%d requests in an hour", n)
				}
				pass(time.Minute)
			})
		})
	}
}

func options(opts ...wrapper.SourceOption) []wrapper.SourceOption { return opts }
