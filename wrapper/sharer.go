package wrapper

import (
	"context"
	"log/slog"
	"time"
)

// Sharer is where a source gets its tokens if other processes have the same ones: package sharedcache is one. A source
// calls it from one goroutine at a time, under the limit of [WithExchangeTimeout].
type Sharer interface {
	// Token returns a token that is not now.Refused, from wherever it is or by exchange, which makes one exchange of
	// the source's client: a single attempt if now.Left is over 0. It may return now.Held. again is after how long the
	// source is to ask again, whether a token came or not; 0 leaves that to the source.
	Token(ctx context.Context, now Situation, exchange func(context.Context) (*Token, error)) (token *Token, again time.Duration, err error)
}

// Situation is what a source has when it asks its [Sharer].
type Situation struct {
	Endpoint string        // the URL that the tokens come from
	Held     *Token        // the token that the source serves; nil if there is none
	Refused  *Token        // the token that was refused last; nil if there is none
	Left     time.Duration // for how long Held is served yet; 0 without one
	Margin   time.Duration // what a token has to last longer than to be served
	Logger   *slog.Logger  // the client's
}

// WithSharer has a source get its tokens from what make returns, which is called once for each source.
func WithSharer(make func() Sharer) SourceOption {
	return func(c *sourceConfig) { c.sharer = make }
}

// situation returns what the source has.
func (s *TokenSource) situation() Situation {
	s.mu.Lock()
	defer s.mu.Unlock()
	situation := Situation{Endpoint: s.client.request.URL.String(), Refused: s.refused, Margin: s.cfg.expiryMargin, Logger: s.client.logger}
	if h, now := s.current.Load(), s.now(); h.state(now) != expired {
		situation.Held, situation.Left = h.token, h.end-now.since(h.since)
	}
	return situation
}
