package sharedcache

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// record is what the sources of a fleet share, as one value of the store. The zero value is nothing.
type record struct {
	Token   secretToken
	Refused string         // the access token that was refused last; it is the gravestone of Token if that is the one
	Life    time.Duration  // of the token, from its exchange to its end
	Left    time.Duration  // of its life
	Quiet   time.Duration  // for how long others make no exchange: one is under way, or it failed
	Lease   uint64         // the call that makes it
	Failure *wrapper.Error // or as which it failed
	End     time.Time      // of the record, by the clock of who put it

	raw []byte        // what a swap has to find
	age time.Duration // when it was read; Left and Quiet are from then on
}

// secretToken is a token that shows its secret in JSON.
type secretToken wrapper.Token

// place returns the key of the record that the sources of an endpoint, an identity and a secret share, and what seals
// it there and nowhere else: two blocks of HKDF, of which the first is an HMAC.
func place(secret []byte, endpoint, identity string) (string, cipher.AEAD) {
	info := fmt.Sprintf("partnercenter-go/generatetoken sharedcache 1: %q %q", endpoint, identity)
	blocks, _ := hkdf.Key(sha256.New, secret, nil, info, 2*sha256.Size) // nothing here fails for these lengths
	block, _ := aes.NewCipher(blocks[sha256.Size:])
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return "partnercenter:" + base64.RawURLEncoding.EncodeToString(blocks[:sha256.Size]), aead
}

// read reads what the store holds. What does not open, or was put back, is as if it were not there.
func (c *call) read(ctx context.Context) error {
	var raw []byte
	var left time.Duration
	began := time.Now()
	c.kept = record{}
	err := c.operate(ctx, func() (err error) { raw, left, err = c.store.Get(ctx, c.key); return err })
	if err != nil || len(raw) == 0 {
		return err
	}
	c.kept.raw = raw
	r := c.kept
	plain, err := c.aead.Open(nil, nil, raw, nil)
	if err == nil {
		err = json.Unmarshal(plain, &r)
	}
	if err != nil {
		c.now.Logger.WarnContext(ctx, "the shared record does not open, and is ignored", slog.String("key", c.key))
	} else if time.Since(r.End) < 10*time.Minute { // clocks do not differ by more
		r.age = max(0, r.Left-left, r.Quiet-left) + time.Since(began)
		r.Left = min(r.Left-r.age, time.Until(r.End)) // a store that stood still may have put it late
		r.Quiet -= r.age
		c.kept = r
	}
	if c.kept.Refused != "" {
		c.refuse(c.kept.Refused)
	}
	return nil
}

// swap puts a record in the place of what was read, unless that has changed. Of what is over, nothing is put.
func (c *call) swap(ctx context.Context, next record) error {
	var raw []byte
	next.Left -= storeLimit // the store counts from when it is told
	old, ttl := c.kept.raw, max(next.Left, next.Quiet)
	if ttl > 0 {
		next.End = time.Now().Add(ttl)
		plain, _ := json.Marshal(next) // what is of any type, a failure's data, came from JSON
		raw = c.aead.Seal(nil, nil, plain, nil)
	}
	return c.operate(ctx, func() error { _, err := c.store.Swap(ctx, c.key, old, raw, ttl); return err })
}

// finish puts what an exchange brought into the store, in the time of one operation. A token takes the place of the one
// before, whoever has the lease by now: they wait for it. Else the lease ends, and what was there stays.
func (c *call) finish(ctx context.Context, made record, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	before := c.kept.Token.AccessToken
	if first := c.read(ctx); first != nil && c.read(ctx) != nil { // once more, for others wait
		return
	}
	next, there := c.kept, c.kept.Token.AccessToken
	usable := made.Left-storeLimit > c.now.Margin && !slices.Contains(c.refused, made.Token.AccessToken)
	switch {
	case usable && (there == before || there == ""): // or else another was faster
		made.Refused = next.Refused
		if slices.Contains(c.refused, there) {
			made.Quiet = distance
		}
		_ = c.swap(ctx, made)
	case c.kept.Lease == c.id:
		next.Quiet = 0
		if e := (*wrapper.Error)(nil); errors.As(err, &e) {
			next.Failure, next.Quiet = new(*e), binding(e)
			next.Failure.Err = nil // of any type
			if c.now.Left > 0 {    // it has tried for those who have a token, and not for itself
				next.Quiet = max(next.Quiet, 30*time.Second, c.now.Left/4)
			}
		}
		_ = c.swap(ctx, next)
	}
}

// binding returns for how long those who have no token share a failure of the service, bounded as in a source.
func binding(e *wrapper.Error) time.Duration {
	if e.StatusCode == 0 || !e.Retryable() {
		return 0
	}
	return max(min(e.RetryAfter, 5*time.Minute), time.Second)
}

// operate runs an operation of the store until ctx ends, whatever the client does. After an error it may run on, so
// that nothing it sets can be read; no other begins meanwhile.
func (s *sharer) operate(ctx context.Context, operation func() error) error {
	if !s.busy.CompareAndSwap(false, true) {
		return errors.New("an earlier operation still runs: the store's client ignores its context")
	}
	done := make(chan error, 1)
	go func() {
		err := errors.New("the store's client ended its goroutine")
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("panic in the store's client: %v", reason)
			}
			s.busy.Store(false)
			done <- err
		}()
		err = operation()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
