package wrapper

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf16"
)

// How much of an answer is read: far more than any token or documented error needs, and little enough that a broken
// server cannot exhaust memory.
const (
	mostOfToken = 1 << 20
	mostOfError = 64 << 10
)

var (
	errLongToken = errors.New("the answer is longer than 1 MiB")
	errLongError = errors.New("the answer is longer than 64 KiB")
)

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
	a.trace.TLSHandshakeDone = a.handshakeDone
	try := req.Clone(httptrace.WithClientTrace(ctx, &a.trace))
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			a.err = cleanError(req, notSent{fmt.Errorf("the request's GetBody: %w", err)})
			return a
		}
		try.Body = body
	}
	var err error
	a.response, err = r.client.Do(try)
	if a.response != nil {
		a.response.Request = req
		err = a.read(ctx)
	}
	if err == nil {
		return a
	}
	if failed := a.handshake.Load(); failed != nil && errors.Is(err, *failed) {
		err = handshakeError{err}
	}
	if ctx.Err() != nil && req.Context().Err() == nil {
		err = fmt.Errorf("no whole answer within Retry.AttemptTimeout (%s): %w: %v", r.retry.AttemptTimeout, os.ErrDeadlineExceeded, err)
	}
	a.err = cleanError(req, err)
	return a
}

func (a *answer) handshakeDone(_ tls.ConnectionState, err error) {
	if err != nil {
		a.handshake.Store(&err)
	}
}

// closeBody ends the reading of the body, also of one that ignores its context.
func (a *answer) closeBody() {
	if body := a.body.Load(); body != nil {
		_ = (*body).Close()
	}
}

// read reads the body up to a cap, on the wire and after decompression.
func (a *answer) read(ctx context.Context) (err error) {
	resp := a.response
	a.body.Store(&resp.Body)
	defer a.closeBody()
	if ctx.Err() != nil || resp.StatusCode < 200 {
		return ctx.Err() // or 101 Switching Protocols: what follows is no body and may never end
	}
	most, tooLong := mostOfError, errLongError
	if resp.StatusCode == http.StatusOK {
		most, tooLong = mostOfToken, errLongToken
	}
	size := int(min(resp.ContentLength, int64(most)))
	if size < 0 {
		size = 4 << 10 // of an ordinary token
	}
	a.content, err = readUpTo(resp.Body, most, size, tooLong)
	if resp.Header.Get("Content-Encoding") == "gzip" && err == nil {
		resp.Header.Del("Content-Encoding")
		resp.ContentLength, resp.Uncompressed = -1, true
		var plain io.Reader
		if plain, err = gzip.NewReader(bytes.NewReader(a.content)); err == nil {
			a.content, err = readUpTo(plain, most, size, tooLong)
		}
	}
	if err != nil && err != tooLong && resp.StatusCode == http.StatusOK {
		// The status promised a token that did not come.
		a.response, err = nil, fmt.Errorf("the answer broke off after %d bytes: %w", len(a.content), err)
	}
	return err
}

// readUpTo is io.ReadAll with a bound, for a text of about the given size.
func readUpTo(r io.Reader, most, size int, tooLong error) ([]byte, error) {
	content := make([]byte, 0, size+bytes.MinRead)
	for {
		n, err := r.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		switch {
		case len(content) > most:
			return content[:most], tooLong
		case err == io.EOF:
			return content, nil
		case err != nil:
			return content, err
		}
		content = slices.Grow(content, bytes.MinRead)
	}
}

// text returns the body in UTF-8 and without what may stand before its first character.
func (a *answer) text() []byte {
	content := a.content
	if order := byteOrder(content); order != nil {
		units := make([]uint16, 0, len(content)/2)
		for rest := content[2:]; len(rest) > 1; rest = rest[2:] {
			units = append(units, order.Uint16(rest))
		}
		content = []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimLeft(content, "\ufeff \t\r\n")
}

// byteOrder returns how a text in UTF-16 is written, by its byte order mark, and nil for any other text.
func byteOrder(content []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		return binary.LittleEndian
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		return binary.BigEndian
	}
	return nil
}

// unmarshalXML reads elements by local name: neither names nor a namespace is documented. What a declaration says of the
// encoding does not matter: text has seen to it.
func unmarshalXML(content []byte, into any) error {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return decoder.Decode(into)
}

// forParser returns the response with a body for the generated parser, which reads what came off the wire once more.
func (a *answer) forParser() *http.Response {
	a.response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.content), brokenOff{a.err}))
	return a.response
}

// brokenOff ends a body with the error that ended it on the wire.
type brokenOff struct{ err error }

func (b brokenOff) Read([]byte) (int, error) { return 0, cmp.Or(b.err, io.EOF) }
