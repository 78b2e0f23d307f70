package wrapper

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// How much of an answer is read: far more than any token or documented error needs, and little enough that a broken
// server cannot exhaust memory.
const (
	mostOfToken = 1 << 20
	mostOfError = 64 << 10
)

var errLong = errors.New("the answer is longer")

// answer is what an attempt brought.
type answer struct {
	request  *http.Request  // the call's
	response *http.Response // nil if none came
	content  []byte         // its body, as far as it was read
	err      error          // what broke off the attempt or its body; cleaned
	attempts int            // how many were sent, this one included
	started  time.Time      // when the call's first attempt left

	// What other goroutines touch: the transport, which may report a failed handshake after the attempt has ended, and
	// whatever ends the attempt.
	trace     httptrace.ClientTrace
	handshake atomic.Pointer[error]
	body      atomic.Pointer[io.ReadCloser]
}

// attempt sends a clone of the request once, so that nothing below can change what the next attempt sends, and reads
// the answer whole, so that one which breaks off is known here and no connection stays in use.
func (r *retrier) attempt(req *http.Request) *answer {
	a := &answer{request: req}
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	limit := time.AfterFunc(r.retry.AttemptTimeout, func() {
		cancel(os.ErrDeadlineExceeded)
		a.closeBody()
	})
	defer limit.Stop()
	if req.Context().Done() != nil {
		defer context.AfterFunc(req.Context(), a.closeBody)()
	}
	a.trace.TLSHandshakeDone = func(_ tls.ConnectionState, err error) {
		if err != nil {
			a.handshake.Store(&err)
		}
	}
	try := req.Clone(httptrace.WithClientTrace(ctx, &a.trace))
	var err error
	if req.GetBody != nil {
		if try.Body, err = req.GetBody(); err != nil {
			a.err = cleanError(req, notSent{fmt.Errorf("the request's GetBody: %w", err)})
			return a
		}
	}
	a.response, err = roundTrip(&r.client, try)
	if a.response != nil {
		a.response.Request = req
		if err = a.read(ctx); err != nil && !errors.Is(err, errLong) && a.response.StatusCode == http.StatusOK {
			// The status promised a token that did not come.
			a.response, err = nil, fmt.Errorf("the answer broke off after %d bytes: %w", len(a.content), err)
		}
	}
	if err == nil {
		return a
	}
	if failed := a.handshake.Load(); failed != nil && errors.Is(err, *failed) {
		err = handshakeError{err}
	}
	if ctx.Err() != nil && req.Context().Err() == nil {
		err = fmt.Errorf("no whole answer within Retry.AttemptTimeout or http.Client.Timeout (%s): %w: %v", r.retry.AttemptTimeout, os.ErrDeadlineExceeded, err)
	}
	a.err = cleanError(req, err)
	return a
}

// handshakeError marks what ended a TLS handshake.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

// notSent marks what kept a request from being sent.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// closeBody ends the reading of the body, also of one that ignores its context. It is called in goroutines where a panic
// would end the process.
func (a *answer) closeBody() {
	defer func() { _ = recover() }()
	if body := a.body.Load(); body != nil {
		_ = (*body).Close()
	}
}

// read reads the body up to a cap, on the wire and after decompression.
func (a *answer) read(ctx context.Context) (err error) {
	resp, body := a.response, a.response.Body // forParser puts another in its place
	a.body.Store(&body)
	defer a.closeBody()
	if ctx.Err() != nil || resp.StatusCode < 200 {
		return ctx.Err() // or 101 Switching Protocols: what follows is no body and may never end
	}
	most := mostOfError
	if resp.StatusCode == http.StatusOK {
		most = mostOfToken
	}
	size := int(min(resp.ContentLength, int64(most)))
	if size < 0 {
		size = 4 << 10 // of an ordinary token
	}
	a.content, err = readUpTo(resp.Body, most, size)
	if resp.Header.Get("Content-Encoding") == "gzip" && err == nil {
		resp.Header.Del("Content-Encoding")
		resp.ContentLength, resp.Uncompressed = -1, true
		var plain io.Reader
		if plain, err = gzip.NewReader(bytes.NewReader(a.content)); err == nil {
			a.content, err = readUpTo(plain, most, size)
		}
	}
	return err
}

// readUpTo is io.ReadAll with a bound, for a text of about the given size.
func readUpTo(r io.Reader, most, size int) ([]byte, error) {
	content := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := content.ReadFrom(io.LimitReader(r, int64(most)+1))
	if content.Len() > most {
		return content.Bytes()[:most], fmt.Errorf("%w than %d KiB", errLong, most>>10)
	}
	return content.Bytes(), err
}

// header returns a header of the response, or "" if none came.
func (a *answer) header(name string) string {
	if a.response == nil {
		return ""
	}
	return a.response.Header.Get(name)
}

// text returns the body without what may stand before its first character.
func (a *answer) text() []byte { return bytes.TrimLeft(a.content, "\ufeff \t\r\n") }

// unmarshalXML reads elements by local name: neither names nor a namespace is documented. Nor does it go by the encoding
// that is declared: what matters is ASCII in nearly all of them.
func unmarshalXML(content []byte, into any) error {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return decoder.Decode(into)
}

// forParser returns the response with a body for the generated parser, which reads what came off the wire once more. An
// error that is too long ends where it was cut: its status says enough.
func (a *answer) forParser() *http.Response {
	broken := a.err
	if a.response.StatusCode != http.StatusOK && errors.Is(broken, errLong) {
		broken = nil
	}
	a.response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.content), brokenOff{broken}))
	return a.response
}

// brokenOff ends a body with the error that ended it on the wire.
type brokenOff struct{ err error }

func (b brokenOff) Read([]byte) (int, error) { return 0, cmp.Or(b.err, io.EOF) }

// retryAfter returns how long the Retry-After header asks to wait, in either of its forms, or 0 if it asks for nothing
// that can be waited for.
func (a *answer) retryAfter() time.Duration {
	value := a.header("Retry-After")
	if value == "" {
		return 0 // most answers; what follows would look for a number and three forms of a date
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
