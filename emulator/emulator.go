package emulator

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/gen"
)

// Emulator is the endpoint as an [http.Handler], for a server of your own; [Start] brings one on loopback. Make it
// with [New]; the zero value is not usable. It is safe for concurrent use.
type Emulator struct {
	contract *openapi3.T
	lifetime time.Duration

	mu       sync.Mutex
	faults   []Fault
	requests []Request
	tokens   map[exchange]string
	issued   []exchange // the keys of tokens, oldest first
}

// exchange is what makes two requests one: the same bearer and the same request id.
type exchange struct {
	bearer    [sha256.Size]byte
	requestID string
}

// How much is remembered, so that an emulator under load does not grow without end.
const (
	maxRequests = 10_000
	maxTokens   = 10_000
	maxBody     = 1 << 20
)

// Option configures an [Emulator].
type Option func(*Emulator) error

// WithFaults makes the first requests meet these faults, one each and in order. The requests after them are answered
// as usual. Given more than once, the lists are joined.
func WithFaults(faults ...Fault) Option {
	return func(e *Emulator) error {
		for i, f := range faults {
			if err := f.check(); err != nil {
				return fmt.Errorf("emulator: WithFaults: fault %d: %w", i+1, err)
			}
		}
		e.faults = append(e.faults, faults...)
		return nil
	}
}

// WithTokenLifetime sets the expires_in of the tokens, in whole seconds. The default is an hour.
func WithTokenLifetime(d time.Duration) Option {
	return func(e *Emulator) error {
		if d < 0 {
			return fmt.Errorf("emulator: WithTokenLifetime(%s): a lifetime cannot be negative", d)
		}
		e.lifetime = d
		return nil
	}
}

// New returns an emulator that has seen no request yet, or an error that names the option which cannot work.
func New(opts ...Option) (*Emulator, error) {
	registerDecoders()
	contract, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("emulator: reading the contract: %w", err)
	}
	e := &Emulator{contract: contract, lifetime: time.Hour, tokens: map[exchange]string{}}
	for _, opt := range opts {
		if err := opt(e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Requests returns the requests that have arrived, oldest first: the last 10,000 of them.
func (e *Emulator) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// ServeHTTP answers a request, after the next fault if one is left.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := cmp.Or(r.Header.Get(headerRequestID), uuid.NewString())
	w.Header().Set(headerRequestID, requestID)
	w.Header().Set(headerCorrelationID, cmp.Or(r.Header.Get(headerCorrelationID), uuid.NewString()))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	fault := e.arrived(r, body)
	if !pause(r.Context(), fault.Delay) {
		return
	}
	switch {
	case fault.Reset:
		reset(w)
	case fault.Status != 0 && fault.Status != http.StatusOK:
		e.write(w, r, fault.reply(), fault)
	case err != nil:
		e.write(w, r, refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody)), fault)
	default:
		e.write(w, r, e.reply(r, body, requestID), fault)
	}
}

// arrived records a request and returns the fault that it is to meet.
func (e *Emulator) arrived(r *http.Request, body []byte) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, newRequest(r, body))
	if len(e.requests) > maxRequests {
		e.requests = e.requests[1:]
	}
	if len(e.faults) == 0 {
		return Fault{}
	}
	fault := e.faults[0]
	e.faults = e.faults[1:]
	return fault
}

func pause(ctx context.Context, d time.Duration) bool {
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
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// token returns the answer to a request that is in order.
func (e *Emulator) token(bearer, requestID string) gen.AccessToken {
	key := exchange{bearer: sha256.Sum256([]byte(bearer)), requestID: strings.ToLower(requestID)}
	e.mu.Lock()
	defer e.mu.Unlock()
	token, ok := e.tokens[key]
	if !ok {
		token = rand.Text()
		e.tokens[key] = token
		e.issued = append(e.issued, key)
		if len(e.issued) > maxTokens {
			delete(e.tokens, e.issued[0])
			e.issued = e.issued[1:]
		}
	}
	return gen.AccessToken{
		AccessToken: token,
		TokenType:   "bearer",
		ExpiresIn:   json.Number(strconv.FormatInt(int64(e.lifetime/time.Second), 10)),
	}
}
