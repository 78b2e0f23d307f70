package emulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// message is an answer in its media type.
type message struct {
	status int
	header http.Header
	body   []byte
}

// play answers a request after its fault's delay: with the refusal if the fault refuses, and otherwise with the answer.
func (e *Emulator) play(w http.ResponseWriter, r *http.Request, fault Fault, answer, refusal func() message) {
	if !pause(r.Context(), fault.Delay) {
		return
	}
	switch {
	case fault.Reset:
		reset(w)
	case fault.refuses():
		e.send(w, r, refusal(), fault)
	default:
		e.send(w, r, answer(), fault)
	}
}

// meeting is a handler whose requests meet the faults of a place.
func (e *Emulator) meeting(at Place, answer func(*http.Request) message, refusal func(*http.Request, Fault) message) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		fault := e.plan.next(at)
		e.mu.Unlock()
		e.play(w, r, fault, func() message { return answer(r) }, func() message { return refusal(r, fault) })
	}
}

// send sends an answer with what the fault makes of it.
func (e *Emulator) send(w http.ResponseWriter, r *http.Request, m message, fault Fault) {
	h := w.Header()
	maps.Copy(h, m.header)
	h.Set("Date", e.now().UTC().Format(http.TimeFormat))
	body, length := e.spoil(h, r, m.status, m.body, fault)
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(m.status)
	if fault.ResetAfterHeaders {
		_ = http.NewResponseController(w).Flush()
		reset(w)
		return
	}
	if fault.Truncate {
		body = io.LimitReader(body, length/2)
	}
	if err := copySlowly(r.Context(), w, body, fault.BytesPerSecond); err != nil || fault.Truncate {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // the server's way to break a connection off
	}
}

// spoil changes headers and body as the fault asks, and returns the body and its length.
func (e *Emulator) spoil(h http.Header, r *http.Request, status int, content []byte, fault Fault) (io.Reader, int64) {
	if fault.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(fault.RetryAfter), 10))
	}
	if fault.RetryAfterDate {
		// A date has whole seconds: up to the next one.
		h.Set("Retry-After", e.now().Add(fault.RetryAfter+time.Second-1).UTC().Format(http.TimeFormat))
	}
	if status >= 300 && status <= 399 {
		h.Set("Location", cmp.Or(fault.Location, r.URL.RequestURI()))
	}
	var before int64
	switch fault.Body {
	case BodyHTML:
		h.Set("Content-Type", "text/html; charset=utf-8")
		content = fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>%[1]s</title></head><body><h1>%[1]s</h1></body></html>\n",
			fmt.Sprintf("%d %s", status, http.StatusText(status)))
	case BodyEmpty:
		content = nil
	case BodyMalformed:
		content = content[:len(content)/2]
	case BodyHuge:
		before = 16 << 20
	}
	if fault.ContentType != "" {
		h.Set("Content-Type", fault.ContentType)
	}
	return io.MultiReader(io.LimitReader(whiteSpace{}, before), bytes.NewReader(content)), before + int64(len(content))
}

// whiteSpace is endless.
type whiteSpace struct{}

func (whiteSpace) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// copySlowly copies in portions of a twentieth of a second; 0 means without limit.
func copySlowly(ctx context.Context, w http.ResponseWriter, body io.Reader, bytesPerSecond int) error {
	if bytesPerSecond == 0 {
		_, err := io.Copy(w, body)
		return err
	}
	portion := max(1, bytesPerSecond/20)
	for {
		n, err := io.CopyN(w, body, int64(portion))
		if n > 0 {
			_ = http.NewResponseController(w).Flush()
			if !pause(ctx, time.Duration(n)*time.Second/time.Duration(bytesPerSecond)) {
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset ends the connection with a TCP reset, or aborts the request where others share the connection.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
