package emulator

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// adminSpec describes what the routes below answer, without Entra's; a test holds the two together.
//
//go:embed admin.yaml
var adminSpec []byte

type handler struct {
	pattern string
	http.Handler
}

// routes returns the routes of everything but the endpoint. An error names a pattern of [WithHandler] that cannot be.
func (e *Emulator) routes() (*http.ServeMux, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /openapi.yaml", serveYAML(e.contract.yaml))
	mux.HandleFunc("GET /_emulator/openapi.yaml", serveYAML(adminSpec))
	// A page of another site must not command the emulator through a developer's browser.
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		adminError(w, http.StatusForbidden, errors.New("the request comes from a page of another site"))
	}))
	admin := func(pattern string, handle http.HandlerFunc) { mux.Handle(pattern, own.Handler(handle)) }
	admin("GET /_emulator/requests", e.getRequests)
	admin("GET /_emulator/faults", e.getFaults)
	admin("PUT /_emulator/faults", e.putFaults)
	admin("GET /_emulator/clock", e.getClock)
	admin("PUT /_emulator/clock", e.putClock)
	admin("POST /_emulator/reset", func(w http.ResponseWriter, _ *http.Request) {
		e.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	admin("POST /_emulator/revoke", e.postRevoke)
	admin("GET /_emulator/devicecodes", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.DeviceCodes()) })
	admin("POST /_emulator/devicecodes", e.postDeviceCode)
	mux.HandleFunc("/_emulator/resource", e.meeting(AtResource, e.resource, func(_ *http.Request, f Fault) message { return inJSON(f.reply()) }))
	if e.entra.played {
		e.routeEntra(mux, own)
	}
	for _, h := range e.handlers {
		if err := handle(mux, h); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

func handle(mux *http.ServeMux, h handler) (err error) {
	defer func() {
		if problem := recover(); problem != nil { // ServeMux's way to refuse
			err = fmt.Errorf("emulator: WithHandler(%q): %v", h.pattern, problem)
		}
	}()
	mux.Handle(h.pattern, h)
	return nil
}

func serveYAML(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(content)
	}
}

func (e *Emulator) getRequests(w http.ResponseWriter, r *http.Request) {
	last := math.MaxInt
	if value := r.URL.Query().Get("last"); value != "" {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			adminError(w, http.StatusBadRequest, fmt.Errorf("last=%q: it has to be a whole number", value))
			return
		}
		last = int(n)
	}
	writeJSON(w, http.StatusOK, e.lastRequests(last))
}

func (e *Emulator) getFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, e.Faults())
}

func (e *Emulator) putFaults(w http.ResponseWriter, r *http.Request) {
	var specs []string
	if err := readJSON(w, r, &specs); err != nil {
		adminError(w, http.StatusBadRequest, fmt.Errorf(`%w; the body has to be a list of faults, such as ["500", "429:retry-after=2"]`, err))
		return
	}
	faults := make([]Fault, len(specs))
	for i, spec := range specs {
		var err error
		if faults[i], err = ParseFault(spec); err != nil {
			adminError(w, http.StatusBadRequest, err)
			return
		}
	}
	if err := e.SetFaults(faults...); err != nil {
		adminError(w, http.StatusBadRequest, err)
		return
	}
	e.getFaults(w, r)
}

// clock is the body of the clock's answers. Requests have the offset alone.
type clock struct {
	Offset string    `json:"offset"`
	Now    time.Time `json:"now,omitzero"`
}

func (e *Emulator) getClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, clock{Offset: e.ClockOffset().String(), Now: e.now()})
}

func (e *Emulator) putClock(w http.ResponseWriter, r *http.Request) {
	var to clock
	err := readJSON(w, r, &to)
	if err != nil {
		adminError(w, http.StatusBadRequest, fmt.Errorf(`%w; the body has to be an offset, such as {"offset": "-90s"}`, err))
		return
	}
	offset, err := time.ParseDuration(to.Offset)
	if err != nil {
		adminError(w, http.StatusBadRequest, fmt.Errorf("offset %q: it has to be a duration such as 1h or -90s", to.Offset))
		return
	}
	e.SetClockOffset(offset)
	e.getClock(w, r)
}

func (e *Emulator) postRevoke(w http.ResponseWriter, r *http.Request) {
	var of struct {
		Token *string `json:"token"`
	}
	if err := readJSON(w, r, &of); err != nil && !errors.Is(err, io.EOF) || of.Token != nil && *of.Token == "" {
		adminError(w, http.StatusBadRequest, errors.New(`the body has to name a token, such as {"token": "…"}, or be empty: then all are revoked`))
		return
	}
	var tokens []string
	if of.Token != nil {
		tokens = []string{*of.Token}
	}
	writeJSON(w, http.StatusOK, map[string]int{"revoked": e.Revoke(tokens...)})
}

func (e *Emulator) postDeviceCode(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		UserCode   string `json:"userCode"`
		WithoutMFA bool   `json:"withoutMfa"`
		Declined   bool   `json:"declined"`
	}
	if err := readJSON(w, r, &answer); err != nil {
		adminError(w, http.StatusBadRequest, fmt.Errorf(`%w; the body has to name a code, such as {"userCode": "ABCDEFGHI"}`, err))
		return
	}
	if err := e.AnswerDeviceCode(answer.UserCode, SignIn{WithoutMFA: answer.WithoutMFA, Declined: answer.Declined}); err != nil {
		adminError(w, http.StatusNotFound, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func adminError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
