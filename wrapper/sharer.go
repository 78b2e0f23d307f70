package wrapper

import (
	"context"
	"log/slog"
	"time"
)

// Sharer is where a source gets its tokens if other processes have the same ones: package sharedcache is one. A source
// makes one call at a time, under the limit of [WithExchangeTimeout]; a call that ignores the limit may still run when
// the next one begins.
type Sharer interface {
	// Token returns a token that is not now.Refused, from wherever it is or by exchange, which makes one exchange of
	// the source's client: a single attempt if it began while the source served Held. It may return now.Held. again is
	// after how long the source is to ask again, whether a token came or not; 0 leaves that to the source.
	Token(ctx context.Context, now Situation, exchange func(context.Context) (*Token, error)) (token *Token, again time.Duration, err error)
}

// Situation is what a source has when it asks its [Sharer].
type Situation struct {
	Endpoint string        // the URL that the tokens come from
	Held     *Token        // the token that the source serves; nil if there is none
	Refused  *Token        // the token that was refused last; nil if there is none
	Left     time.Duration // how much longer Held is served; 0 without one
	Margin   time.Duration // a token is served only while it lasts longer than this
	Unknown  time.Duration // for how long a token lasts whose ExpiresAt is zero
	Logger   *slog.Logger  // the client's
}

// WithSharer has a source get its tokens from what newSharer returns, which is called once for each source.
func WithSharer(newSharer func() Sharer) SourceOption {
	return func(c *sourceConfig) { c.sharer = newSharer }
}

// impatient returns c for an exchange that other processes wait for: a Retry-After of more than a few seconds ends it, so
// that all of them learn of it.
func (c *Client) impatient() *Client {
	client, retrier := *c, *c.retrier
	retrier.retry.MaxDelay = min(retrier.retry.MaxDelay, 5*time.Second)
	client.retrier = &retrier
	return &client
}

// situation returns what the source has.
func (s *TokenSource) situation() Situation {
	s.mu.Lock()
	defer s.mu.Unlock()
	situation := Situation{Endpoint: s.client.request.URL.String(), Refused: s.refused, Margin: s.cfg.expiryMargin,
		Unknown: s.cfg.unknownLifetime, Logger: s.client.retrier.logger}
	h := s.current.Load()
	if left := s.now().until(h.end); left > 0 {
		situation.Held, situation.Left = h.token, left
	}
	return situation
}
