package emulator

import (
	"net/http"
	"strings"
	"time"
)

// Request is a request as it arrived, without its secrets, and what became of it.
type Request struct {
	// Number counts the requests since the emulator was made or reset, from 1.
	Number int `json:"number"`
	// Time is when it arrived, by the emulator's clock.
	Time time.Time `json:"time"`
	// Method and Path come from the request line.
	Method string `json:"method"`
	Path   string `json:"path"`
	// Header has every header. Values that are not known to be harmless are "REDACTED"; so is the token in "Bearer REDACTED".
	Header http.Header `json:"header"`
	// Body is the first 4 KiB of the body. Members that are not known to be harmless are "REDACTED", and so is all of a body
	// that is not a form, JSON or XML as its Content-Type says.
	Body string `json:"body"`
	// RequestID and CorrelationID are the ids of the answer: the request's own, or the emulator's where it had none.
	RequestID     string `json:"requestId"`
	CorrelationID string `json:"correlationId"`
	// Attempt counts the requests of one request id, from 1: above it, this is a retry.
	Attempt int `json:"attempt"`
	// Fault is the fault that it met; the zero value is none.
	Fault Fault `json:"fault,omitzero"`
	// Status is the answer's; 0 while there is none, and where a fault let there be none.
	Status int `json:"status"`
}

// size estimates the memory that the request takes.
func (r *Request) size() int {
	size := 512 + len(r.Path) + len(r.Body)
	for name, values := range r.Header {
		size += 64 + len(name)
		for _, value := range values {
			size += 16 + len(value)
		}
	}
	return size
}

// Bounds on what is kept, so that an emulator under load does not grow without end.
const (
	keptRequests     = 10_000
	keptRequestBytes = 32 << 20
	keptBodyBytes    = 4 << 10
)

// journal is the last requests.
type journal struct {
	requests []*Request // oldest first
	bytes    int
	count    int            // of all that ever came
	attempts map[string]int // of the request ids in requests
}

func (j *journal) add(r *Request) {
	if j.attempts == nil {
		j.attempts = map[string]int{}
	}
	id := strings.ToLower(r.RequestID)
	j.count++
	j.attempts[id]++
	r.Number, r.Attempt = j.count, j.attempts[id]
	j.requests = append(j.requests, r)
	j.bytes += r.size()
	for len(j.requests) > keptRequests || j.bytes > keptRequestBytes && len(j.requests) > 1 {
		oldest := j.requests[0]
		if id := strings.ToLower(oldest.RequestID); j.attempts[id] == oldest.Attempt {
			delete(j.attempts, id) // it was the id's last
		}
		j.bytes -= oldest.size()
		j.requests[0] = nil
		j.requests = j.requests[1:]
	}
}

// last returns copies of the last n requests, oldest first.
func (j *journal) last(n int) []Request {
	from := max(0, len(j.requests)-n)
	last := make([]Request, 0, len(j.requests)-from)
	for _, r := range j.requests[from:] {
		last = append(last, *r)
	}
	return last
}
