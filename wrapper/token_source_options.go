package wrapper

import (
	"math/rand/v2"
	"time"
)

// SourceOption configures a [TokenSource]. A duration of zero or less stands for the default.
type SourceOption func(*sourceConfig)

type sourceConfig struct {
	renewAt         float64 // the part of a token's lifetime after which it is renewed
	renewalPause    time.Duration
	expiryMargin    time.Duration
	unknownLifetime time.Duration
	sharedFailure   time.Duration
	exchangeTimeout time.Duration
	sharer          func() Sharer
}

// sourceDefaults are the defaults that need not be drawn.
var sourceDefaults = sourceConfig{
	renewalPause:    30 * time.Second,
	expiryMargin:    30 * time.Second,
	unknownLifetime: 5 * time.Minute,
	sharedFailure:   time.Second,
	exchangeTimeout: 2 * time.Minute,
}

// WithRenewalWindow sets between which two parts of a token's lifetime this source renews it, at a moment that is drawn
// once for the source: 0.80 and 0.81 by default. The later the window ends, the shorter an outage has to be for nobody
// to notice; the wider it is, the faster sources that started together drift apart. Numbers that are not
// 0 < from <= to <= 1 leave the default.
func WithRenewalWindow(from, to float64) SourceOption {
	return func(c *sourceConfig) {
		if 0 < from && from <= to && to <= 1 {
			// Not drawn anew for each token: sources of different periods drift apart, others would wander.
			c.renewAt = from + rand.Float64()*(to-from)
		}
	}
}

// WithRenewalPause sets the least that is waited after a renewal failed before the next is tried: 30 s by default. A
// longer Retry-After of the service is obeyed.
func WithRenewalPause(d time.Duration) SourceOption {
	return func(c *sourceConfig) { set(&c.renewalPause, d) }
}

// WithExpiryMargin sets how long before its expiry a token is no longer served: 30 s by default, as in Microsoft's .NET
// SDK for Partner Center.
func WithExpiryMargin(d time.Duration) SourceOption {
	return func(c *sourceConfig) { set(&c.expiryMargin, d) }
}

// WithUnknownLifetime sets how long a token is taken to last when the service does not say: 5 minutes by default.
func WithUnknownLifetime(d time.Duration) SourceOption {
	return func(c *sourceConfig) { set(&c.unknownLifetime, d) }
}

// WithSharedFailure sets for how long a failed exchange answers further callers when there is no token to serve: one
// second by default.
func WithSharedFailure(d time.Duration) SourceOption {
	return func(c *sourceConfig) { set(&c.sharedFailure, d) }
}

// WithExchangeTimeout limits an exchange, all its attempts included: 2 minutes by default. The contexts of the callers
// do not, for others may wait for it too.
func WithExchangeTimeout(d time.Duration) SourceOption {
	return func(c *sourceConfig) { set(&c.exchangeTimeout, d) }
}

// forever is longer than any token lives, and so short that no sum with the time of day overflows.
const forever = 50 * 365 * 24 * time.Hour

func set(field *time.Duration, d time.Duration) {
	if d > 0 {
		*field = min(d, forever)
	}
}
