package emulator

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Emulator is the endpoint as an [http.Handler], for a server of your own; [Start] brings one on loopback. Make it
// with [New]; the zero value is not usable. It is safe for concurrent use.
//
// Beside the endpoint it answers at /healthz, /openapi.yaml (the contract, with the emulator as its server) and
// /_emulator/. There is the admin API, for programs that are not in Go; /_emulator/openapi.yaml describes it.
type Emulator struct {
	contract *contract
	beside   func() (*http.ServeMux, error) // routes all but the endpoint; made when first needed
	entra    entra

	handlers      []handler
	initialFaults []Fault
	seed          uint64
	hosts         map[string]bool

	strict, graphRetired, mfaRequired, remote bool

	mu      sync.Mutex
	plan    plan
	journal journal
	tokens  tokens
	quota   quota
	offset  time.Duration
}

// New returns an emulator, or an error that names the option that cannot work.
func New(opts ...Option) (*Emulator, error) {
	contract, err := loadContract()
	if err != nil {
		return nil, err
	}
	e := &Emulator{
		contract: contract,
		hosts:    map[string]bool{},
		tokens:   tokens{lifetime: time.Hour, window: 10 * time.Minute},
	}
	e.beside = sync.OnceValues(e.routes)
	for _, opt := range opts {
		if err := opt(e); err != nil {
			return nil, err
		}
	}
	if len(e.handlers) > 0 {
		if _, err := e.beside(); err != nil {
			return nil, err
		}
	}
	e.Reset()
	return e, nil
}

// Reset puts the emulator back to where it began: no requests, tokens, sign-ins, counts and clock offset, and the faults of
// [WithFaults].
func (e *Emulator) Reset() {
	e.entra.forget()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plan = newPlan(e.seed, e.initialFaults)
	e.journal = journal{}
	e.tokens.forget()
	e.quota.minutes = nil
	e.offset = 0
}

// Requests returns the requests that the endpoint got, oldest first: the last 10,000, or fewer if they are large.
func (e *Emulator) Requests() []Request { return e.lastRequests(math.MaxInt) }

func (e *Emulator) lastRequests(n int) []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.journal.last(n)
}

// Faults returns the faults that no request has met yet, each with the times that are left.
func (e *Emulator) Faults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plan.faults()
}

// SetFaults sets the faults that the next requests meet, instead of those that are left. A request meets the first of
// them that chooses it: faults without Every and Probability one after the other, each for one request or for Times of
// them. No faults at all is no error. An error names the fault that cannot be, and changes nothing.
func (e *Emulator) SetFaults(faults ...Fault) error {
	if err := checkFaults(faults); err != nil {
		return fmt.Errorf("emulator: SetFaults: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plan = newPlan(e.seed, slices.Clone(faults))
	return nil
}

// SetClockOffset sets the emulator's clock ahead of the machine's, or behind it if d is negative. By this clock bearers,
// tokens and codes expire, quotas are counted and request ids remembered, and it stands in every answer's Date.
func (e *Emulator) SetClockOffset(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offset = d
}

// ClockOffset returns how far the emulator's clock is ahead of the machine's.
func (e *Emulator) ClockOffset() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.offset
}

func (e *Emulator) now() time.Time { return time.Now().Add(e.ClockOffset()) }

// ServeHTTP answers a request, after the next fault if one is left.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.isOwnHost(r) {
		refusal := refuse(http.StatusMisdirectedRequest, fmt.Sprintf("the host %q is not the emulator's: use 127.0.0.1, or allow it by --host (in Go, WithHosts)", r.Host))
		writeJSON(w, refusal.status, refusal.body)
		return
	}
	m := e.contract.match(r)
	if m.PathItem == nil {
		beside, err := e.beside()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, pattern := beside.Handler(r); pattern != "" || strings.HasPrefix(r.URL.Path, "/_emulator/") {
			beside.ServeHTTP(w, r)
			return
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	kept := maskBody(r.Header.Get("Content-Type"), body)
	kept = kept[:min(len(kept), keptBodyBytes)]
	request := &Request{
		Time:          e.now(),
		Method:        r.Method,
		Path:          r.URL.Path,
		Header:        maskHeader(r.Header),
		Body:          kept,
		RequestID:     cmp.Or(r.Header.Get(headerRequestID), uuid.NewString()),
		CorrelationID: cmp.Or(r.Header.Get(headerCorrelationID), uuid.NewString()),
	}
	fault := e.arrived(request)
	e.play(w, r, fault, func() message {
		if err != nil {
			return e.encoded(m, r, request, refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody)))
		}
		return e.encoded(m, r, request, e.reply(m, r, body, request.RequestID))
	}, func() message {
		return e.encoded(m, r, request, fault.reply())
	})
}

// maxBody is the longest body that is read.
const maxBody = 1 << 20

// arrived keeps a request and returns the fault that it meets.
func (e *Emulator) arrived(request *Request) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	request.Fault = e.plan.next(AtEndpoint)
	e.journal.add(request)
	return request.Fault
}

// encoded encodes a reply, checks it against the contract and notes its status. That is before the answer leaves, so
// whoever has the answer sees it among the requests.
func (e *Emulator) encoded(m match, r *http.Request, request *Request, reply reply) message {
	contentType := cmp.Or(reply.contentType, m.mediaType)
	header := http.Header{
		headerRequestID: {request.RequestID}, headerCorrelationID: {request.CorrelationID}, "Content-Type": {contentType},
	}
	maps.Copy(header, reply.header)
	body, err := encode(contentType, reply.body)
	if err == nil {
		err = m.checkAnswer(r, reply.status, header, body)
	}
	if err != nil {
		reply.status, body = http.StatusInternalServerError, []byte("a bug in the emulator: its answer breaks the contract: "+err.Error()+"\n")
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	request.Status = reply.status
	return message{reply.status, header, body}
}

// Format implements [fmt.Formatter] for every verb and flag, without the tokens that were given.
func (e *Emulator) Format(s fmt.State, _ rune) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _ = fmt.Fprintf(s, "Emulator{Requests:%d Faults:%v}", e.journal.count, e.plan.faults())
}
