package wrapper

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
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
	response *http.Response // none if none came, or if a 200 broke off
	content  []byte         // its body, as far as it was read
	err      error          // what broke off the attempt or its body; cleaned
	attempts int            // how many were sent, this one included
	started  time.Time      // when the call's first attempt left

	// What other goroutines touch, also after the attempt has ended.
	trace   httptrace.ClientTrace
	misfit  atomic.Pointer[error] // what this side's configuration ended a handshake with
	reading atomic.Pointer[http.Response]
}

// none stands for a response that did not come: its status is 0.
var none = &http.Response{}

// noAnswer returns what came of a call that failed before anything was sent, or between two attempts.
func noAnswer(req *http.Request, attempts int, err error) *answer {
	return &answer{request: req, response: none, attempts: attempts, err: cleanError(req, err)}
}

// attempt sends a clone of the request once, so that nothing below can change what the next attempt sends, and reads
// the answer whole, so that one which breaks off is known here and no connection stays in use.
func (r *retrier) attempt(req *http.Request, sent int, started time.Time) *answer {
	a := &answer{request: req, response: none, attempts: sent, started: started}
	ctx, cancel := context.WithCancelCause(req.Context())
	end := func() {
		defer func() { _ = recover() }() // in a goroutine a panic would end the process
		cancel(os.ErrDeadlineExceeded)
		if resp := a.reading.Load(); resp != nil {
			_ = resp.Body.Close() // which may ignore its context
		}
	}
	defer end()
	defer time.AfterFunc(r.retry.AttemptTimeout, end).Stop()
	if req.Context().Done() != nil { // else it cannot end, and to wait for it would take a microsecond
		defer context.AfterFunc(req.Context(), end)()
	}
	a.trace.TLSHandshakeDone = func(_ tls.ConnectionState, err error) {
		network := has[*net.OpError](err) || os.IsTimeout(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !network {
			a.misfit.Store(&err)
		}
	}
	try := req.Clone(httptrace.WithClientTrace(ctx, &a.trace))
	var err error
	if req.GetBody != nil {
		if try.Body, err = req.GetBody(); err != nil {
			return noAnswer(req, sent-1, final{fmt.Errorf("the request's GetBody: %w", err)})
		}
	}
	resp, err := roundTrip(&r.client, try)
	if err == nil {
		a.reading.Store(resp)
		a.content, err = readBody(ctx, resp)
		if err != nil && !errors.Is(err, errLong) && resp.StatusCode == http.StatusOK {
			// The status promised a token that did not come.
			err = fmt.Errorf("the answer broke off after %d bytes: %w", len(a.content), err)
		} else {
			a.response, resp.Request = resp, req
		}
	}
	if err == nil {
		return a
	}
	if failed := a.misfit.Load(); failed != nil && errors.Is(err, *failed) {
		err = final{err}
	}
	if ctx.Err() != nil && req.Context().Err() == nil {
		err = fmt.Errorf("no whole answer within Retry.AttemptTimeout or http.Client.Timeout (%s): %w: %v", r.retry.AttemptTimeout, os.ErrDeadlineExceeded, err)
	}
	a.err = cleanError(req, err)
	return a
}

// final marks an error that another attempt would meet again.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

// readBody reads the body up to a cap, on the wire and after decompression.
func readBody(ctx context.Context, resp *http.Response) ([]byte, error) {
	if ctx.Err() != nil || resp.StatusCode < 200 {
		return nil, ctx.Err() // or 101 Switching Protocols: what follows is no body and may never end
	}
	most := mostOfError
	if resp.StatusCode == http.StatusOK {
		most = mostOfToken
	}
	size := min(cmp.Or(max(0, int(resp.ContentLength)), 4<<10), most) // unless it is known, that of an ordinary token
	content, err := readUpTo(resp.Body, most, size)
	if resp.Header.Get("Content-Encoding") == "gzip" && err == nil && len(content) > 0 {
		resp.Header.Del("Content-Encoding")
		resp.ContentLength, resp.Uncompressed = -1, true
		var plain io.Reader
		if plain, err = gzip.NewReader(bytes.NewReader(content)); err == nil {
			content, err = readUpTo(plain, most, size)
		}
	}
	return content, err
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

// decode reads the body into a struct by what it is itself: a Content-Type is as often wrong as right.
func (a *answer) decode(into any) error {
	content := bytes.TrimLeft(a.content, "\ufeff \t\r\n")
	if !bytes.HasPrefix(content, []byte("<")) {
		return json.Unmarshal(content, into)
	}
	decoder := xml.NewDecoder(bytes.NewReader(content))
	// Nor does it go by the encoding that is declared: what matters is ASCII in nearly all of them.
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return decoder.Decode(into) // by local names: no namespace is documented
}

// retryAfter returns how long the Retry-After header asks to wait, in either of its forms, or 0 if it asks for nothing
// that can be waited for.
func (a *answer) retryAfter() time.Duration {
	value := a.response.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(value, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		return seconds(int64(n))
	}
	at, _ := http.ParseTime(value) // or the zero time, which has passed
	return max(0, time.Until(at))
}

// seconds returns so many as a duration, or the nearest that there is from 0 on.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(0, n), math.MaxInt64/int64(time.Second))) * time.Second
}
