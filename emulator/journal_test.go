package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestRequests_AreKeptWithoutTheirBearers(t *testing.T) {
	server := start(t)
	before := time.Now()
	answered(t, server, sent{path: "/generatetoken"})
	answered(t, server, sent{header: map[string]string{"Authorization": "canary"}})
	requests := server.Requests()
	if len(requests) != 2 {
		t.Fatalf("kept %d requests", len(requests))
	}
	r := requests[0]
	if r.Method != "POST" || r.Path != "/generatetoken" || r.Body != "grant_type=jwt_token" ||
		r.Header.Get("Authorization") != "Bearer REDACTED" || r.Time.Before(before) {
		t.Errorf("kept %v", r)
	}
	if text := fmt.Sprintf("%#v", requests); strings.Contains(text, "canary") {
		t.Errorf("kept a bearer: %s", text)
	}
}

func TestRequests_SayWhatBecameOfThem(t *testing.T) {
	server := startWith(t, emulator.Fault{Status: 500}, emulator.Fault{Reset: true})
	id, correlation := uuid.NewString(), uuid.NewString()
	same := sent{header: map[string]string{"ms-requestid": id, "ms-correlationid": correlation}}
	answered(t, server, same)
	_, _, _ = do(t, server, same) // reset
	answered(t, server, sent{header: map[string]string{"ms-requestid": strings.ToUpper(id)}})
	resp, _ := answered(t, server, sent{})
	requests := server.Requests()
	for i, want := range []struct {
		attempt, status int
		fault           string
	}{{1, 500, "500"}, {2, 0, "reset"}, {3, 200, "200"}, {1, 200, "200"}} {
		r := requests[i]
		if r.Number != i+1 || r.Attempt != want.attempt || r.Status != want.status || r.Fault.String() != want.fault {
			t.Errorf("request %d is kept as %+v", i+1, r)
		}
	}
	if requests[0].RequestID != id || requests[0].CorrelationID != correlation ||
		requests[3].RequestID != resp.Header.Get("MS-RequestId") || requests[3].CorrelationID != resp.Header.Get("MS-CorrelationId") {
		t.Errorf("kept %+v", requests)
	}
}

func TestRequests_AreTheLastTenThousand(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_002 {
		exchangeInMemory(e, fmt.Sprintf("/%d", i), uuid.Nil.String())
	}
	kept := e.Requests()
	if len(kept) != 10_000 || kept[0].Path != "/2" || kept[9_999].Path != "/10001" {
		t.Fatalf("kept %d requests, from %s to %s", len(kept), kept[0].Path, kept[len(kept)-1].Path)
	}
	if kept[9_999].Attempt != 10_002 {
		t.Errorf("the attempt after those that are forgotten has number %d", kept[9_999].Attempt)
	}
	// An id whose requests are all forgotten is a new one.
	for i := range 10_000 {
		exchangeInMemory(e, "/", fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
	}
	exchangeInMemory(e, "/", uuid.Nil.String())
	if kept = e.Requests(); kept[9_999].Attempt != 1 {
		t.Errorf("a forgotten request id has attempt %d", kept[9_999].Attempt)
	}
}

func TestRequests_AreBoundedInMemory(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	send := func(header, body string) {
		r := httptest.NewRequest(http.MethodPost, "/v3/generatetoken", strings.NewReader(body))
		r.Header.Set("User-Agent", header)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		e.ServeHTTP(httptest.NewRecorder(), r)
	}
	send("", "scope="+strings.Repeat("b", 1<<20-6))
	if kept := e.Requests(); len(kept[0].Body) != 4<<10 {
		t.Errorf("kept %d bytes of a body", len(kept[0].Body))
	}
	large := strings.Repeat("h", 1<<20)
	for range 100 {
		send(large, "")
	}
	if kept := e.Requests(); len(kept) != 31 || kept[30].Number != 101 { // of 32 MiB in all
		t.Errorf("kept %d requests of 1 MiB", len(kept))
	}
}
