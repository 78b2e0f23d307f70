package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// conformance is a service under examination.
type conformance struct {
	contract  contract
	service   string
	bearer    string
	secrets   []string // what must not be shown, although a service may repeat it
	transport *http.Transport
	logger    *slog.Logger
	cells     []*cell
}

// cell is a probe with what became of it.
type cell struct {
	probe
	requestID, correlationID uuid.UUID
	answer                   *http.Response // nil if none came
	body                     []byte
	deviations               []deviation
}

// mostBody is the longest body that is read of an answer.
const mostBody = 1 << 20

// run makes the requests. It returns an error if it stopped before the last.
func (c *conformance) run(ctx context.Context, probes []probe, pause time.Duration) error {
	begun, refused := map[string]bool{}, map[string]bool{} // operations
	for i, p := range probes {
		if refused[p.Operation] && p.Expected == http.StatusOK {
			continue
		}
		if i > 0 {
			if err := sleep(ctx, pause); err != nil {
				return err
			}
		}
		one := &cell{probe: p, requestID: uuid.New(), correlationID: uuid.New()}
		if p.Purpose == purposeSameID {
			one.requestID = c.cells[len(c.cells)-1].requestID
		}
		err := c.exchange(ctx, one)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if one.status() == http.StatusTooManyRequests {
			return failure{fmt.Errorf("the service throttles (429) after %d requests: try again later, with a longer --pause", i), exitUnavailable}
		}
		c.cells = append(c.cells, one)
		c.judge(ctx, one, err)
		if c.silent() {
			return failure{fmt.Errorf("%s does not answer: %w", c.service, err), exitUnavailable}
		}
		switch one.status() {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			// An operation that is closed to the caller gives no token for another media type either.
			if !begun[p.Operation] {
				refused[p.Operation] = true
			}
		}
		begun[p.Operation] = true
	}
	if len(refused) > 0 && len(refused) == len(begun) {
		return failure{errors.New("the service refuses the bearer: pctoken doctor says what may be wrong with it"), exitRefused}
	}
	return nil
}

// silent reports whether the first request, or the last three, got no answer.
func (c *conformance) silent() bool {
	last := c.cells[max(0, len(c.cells)-3):]
	return len(last) != 2 && !slices.ContainsFunc(last, func(one *cell) bool { return one.answer != nil })
}

// status is the answer's, or 0 if none came.
func (one *cell) status() int {
	if one.answer == nil {
		return 0
	}
	return one.answer.StatusCode
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exchange makes one request as the client makes it, but for what the probe makes wrong on purpose.
func (c *conformance) exchange(ctx context.Context, one *cell) error {
	opts := []wrapper.Option{
		wrapper.WithBaseURL(c.service),
		wrapper.WithMediaType(wrapper.MediaType(one.RequestType)),
		wrapper.WithAccept(wrapper.MediaType(one.ResponseType)),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}),
		wrapper.WithLogger(c.logger),
		wrapper.WithHTTPClient(&http.Client{Transport: probing{c.transport, one}}),
	}
	if one.legacy() {
		opts = append(opts, wrapper.WithLegacyEndpoint())
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer(c.bearer), opts...)
	if err != nil {
		return err
	}
	ctx = wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(ctx, one.correlationID), one.requestID)
	if _, err = client.GenerateToken(ctx); one.answer != nil {
		return nil // what the client makes of it is not asked here
	}
	if err == nil {
		err = errors.New("no answer")
	}
	return err
}

// probing is a transport that sends a probe's request and keeps the answer.
type probing struct {
	next http.RoundTripper
	cell *cell
}

func (p probing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	switch p.cell.Purpose {
	case purposeNoBearer:
		r.Header.Del("Authorization")
	case purposeNoIDs:
		r.Header.Del("ms-requestid")
		r.Header.Del("ms-correlationid")
	case purposeMFA:
		r.Header.Set("ValidateMfa", "true")
	case purposeWrongPath:
		r.URL.Path += "/nothing"
	case purposeBadGrant:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		wrong := strings.Replace(string(body), "jwt_token", "none", 1)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(wrong)), int64(len(wrong))
	}
	resp, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBody+1))
	if err != nil {
		return nil, err
	}
	p.cell.answer, p.cell.body = resp, body
	shown := *resp
	shown.Body = io.NopCloser(bytes.NewReader(body))
	return &shown, nil
}
