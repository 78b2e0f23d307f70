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

	"github.com/getkin/kin-openapi/openapi3filter"
)

// send sends a reply, with what the fault makes of it.
func (e *Emulator) send(w http.ResponseWriter, r *http.Request, request *Request, reply reply, fault Fault) {
	route := e.route(r)
	negotiated, _ := mediaType(r, route)
	contentType := cmp.Or(reply.contentType, negotiated)
	content, err := encode(contentType, reply.body)
	h := w.Header()
	h.Set(headerRequestID, request.RequestID)
	h.Set(headerCorrelationID, request.CorrelationID)
	h.Set("Date", e.now().UTC().Format(http.TimeFormat))
	h.Set("Content-Type", contentType)
	maps.Copy(h, reply.header)
	if err == nil && route.Operation != nil {
		// Statuses that the contract does not have, such as 406 and a fault's 429, pass as they are.
		err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
			Status:                 reply.status,
			Header:                 h,
			Body:                   io.NopCloser(bytes.NewReader(content)),
			Options:                validation,
		})
	}
	if err != nil {
		e.answered(request, http.StatusInternalServerError)
		http.Error(w, "a bug in the emulator: its answer breaks the contract: "+err.Error(), http.StatusInternalServerError)
		return
	}
	body, length := e.spoil(h, r, reply.status, content, fault)
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	e.answered(request, reply.status)
	w.WriteHeader(reply.status)
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

// spoil does to headers and body what a fault asks for, and returns the body and its length.
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

// whiteSpace is without end.
type whiteSpace struct{}

func (whiteSpace) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// copySlowly copies at so many bytes in a second, in portions of a twentieth second; 0 is as fast as can be.
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

// reset ends the connection with a TCP reset where there is one of its own to end, and else by aborting the request.
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
