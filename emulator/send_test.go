package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func startWith(t *testing.T, faults ...emulator.Fault) *emulator.Server {
	t.Helper()
	return start(t, emulator.WithFaults(faults...))
}

func TestFault_ChangesTheAnswer(t *testing.T) {
	server := startWith(t,
		emulator.Fault{Status: 500},
		emulator.Fault{Status: 429, RetryAfter: 1500 * time.Millisecond},
		emulator.Fault{Status: 200},
		emulator.Fault{Status: 401, Code: "900420"},
		emulator.Fault{Status: 502, Body: emulator.BodyHTML},
		emulator.Fault{Status: 500, Body: emulator.BodyEmpty},
		emulator.Fault{Body: emulator.BodyHTML},
		emulator.Fault{Delay: time.Millisecond},
		emulator.Fault{ContentType: "text/plain"},
		emulator.Fault{Body: emulator.BodyHTML, ContentType: "text/plain"},
	)
	for i, want := range []struct {
		status      int
		contentType string
		body        string
		retryAfter  string
	}{
		{500, "application/json", `"code":"800003"`, ""},
		{429, "application/json", `"code":"429"`, "2"},
		{200, "application/json", `"access_token"`, ""},
		{401, "application/json", `"code":"900420"`, ""},
		{502, "text/html; charset=utf-8", "<h1>502 Bad Gateway</h1>", ""},
		{500, "application/json", "", ""},
		{200, "text/html; charset=utf-8", "<h1>200 OK</h1>", ""},
		{200, "application/json", `"access_token"`, ""},
		{200, "text/plain", `"access_token"`, ""},
		{200, "text/plain", "<h1>200 OK</h1>", ""},
		{200, "application/json", `"access_token"`, ""},
	} {
		resp, body := answered(t, server, sent{})
		if resp.StatusCode != want.status || resp.Header.Get("Content-Type") != want.contentType ||
			!bytes.Contains(body, []byte(want.body)) || resp.Header.Get("Retry-After") != want.retryAfter {
			t.Errorf("request %d got %d %v %s", i+1, resp.StatusCode, resp.Header, body)
		}
		if want.body == "" && len(body) != 0 {
			t.Errorf("request %d got %q, want nothing", i+1, body)
		}
	}
}

func TestFault_SendsRetryAfterAsADate(t *testing.T) {
	server := startWith(t, emulator.Fault{Status: 503, RetryAfter: 90 * time.Second, RetryAfterDate: true})
	server.SetClockOffset(-time.Hour)
	before := time.Now()
	resp, _ := answered(t, server, sent{})
	until, err := http.ParseTime(resp.Header.Get("Retry-After"))
	date, dateErr := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || dateErr != nil || until.Sub(date) < 90*time.Second || until.Sub(date) > 92*time.Second {
		t.Errorf("%v, %v", resp.Header, errors.Join(err, dateErr))
	}
	if ahead := date.Sub(before); ahead > -59*time.Minute || ahead < -61*time.Minute {
		t.Errorf("Date is %s ahead", ahead)
	}
}

func TestFault_Redirects(t *testing.T) {
	server := startWith(t, emulator.Fault{Status: 307}, emulator.Fault{Status: 302, Location: "https://elsewhere.example/"})
	for _, want := range []string{"/v3/generatetoken", "https://elsewhere.example/"} {
		if resp, _ := answered(t, server, sent{}); resp.Header.Get("Location") != want || resp.StatusCode/100 != 3 {
			t.Errorf("got %s, %v", resp.Status, resp.Header)
		}
	}
}

func TestFault_MalformedBodyIsHalfAnAnswerInAWholeMessage(t *testing.T) {
	server := startWith(t, emulator.Fault{Body: emulator.BodyMalformed}, emulator.Fault{Status: 403, Body: emulator.BodyMalformed})
	for range 2 {
		if _, body := answered(t, server, sent{}); json.Valid(body) || !bytes.HasPrefix(body, []byte(`{"`)) {
			t.Errorf("got %q", body)
		}
	}
}

func TestFault_HugeBodyIsTheAnswerAfterWhiteSpace(t *testing.T) {
	resp, body := answered(t, startWith(t, emulator.Fault{Body: emulator.BodyHuge}), sent{})
	if len(body) < 16<<20 || !json.Valid(body) || resp.ContentLength != int64(len(body)) {
		t.Errorf("%d bytes, Content-Length %d", len(body), resp.ContentLength)
	}
}

// A clock that a test winds: the emulator writes to a recorder, so there is no socket that would hold it up.
func TestFault_SlowBodyComesAtItsSpeed(t *testing.T) {
	for _, speed := range []int{1, 15, 1000} {
		synctest.Test(t, func(t *testing.T) {
			e, err := emulator.New(emulator.WithFaults(emulator.Fault{BytesPerSecond: speed}))
			if err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			body := exchangeInMemory(e, "/v3/generatetoken", "")
			want := time.Duration(len(body)) * time.Second / time.Duration(speed)
			if took := time.Since(before); took < want*99/100 || took > want*101/100 {
				t.Errorf("%d bytes at %d in a second took %s", len(body), speed, took)
			}
		})
	}
}

func TestFault_BreaksTheConnection(t *testing.T) {
	server := startWith(t,
		emulator.Fault{Reset: true}, emulator.Fault{Truncate: true}, emulator.Fault{Status: 403, Truncate: true},
		emulator.Fault{ResetAfterHeaders: true},
	)
	if _, _, err := do(t, server, sent{}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	for _, name := range []string{"a token", "an error"} {
		resp, body, err := do(t, server, sent{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s that breaks off: %q, %v", name, body, err)
		} else if int64(len(body)) != resp.ContentLength/2 {
			t.Errorf("%s breaks off after %d of %d bytes", name, len(body), resp.ContentLength)
		}
	}
	resp, body, err := do(t, server, sent{})
	if !errors.Is(err, syscall.ECONNRESET) || len(body) != 0 || resp == nil || resp.StatusCode != 200 {
		t.Errorf("reset after headers: %v, %q, %v", resp, body, err)
	}
}

func TestFault_BreaksTheStreamOverHTTP2(t *testing.T) {
	server, err := emulator.StartTLS(emulator.WithFaults(
		emulator.Fault{Reset: true}, emulator.Fault{Truncate: true}, emulator.Fault{ResetAfterHeaders: true},
	))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, fault := range []string{"reset", "truncate", "reset-after-headers"} {
		resp, err := server.Client().Do(request(t, server, sent{}))
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

func TestFault_DelayEndsWithTheRequest(t *testing.T) {
	for _, fault := range []emulator.Fault{{Delay: time.Hour}, {BytesPerSecond: 1}} {
		t.Run(fault.String(), func(t *testing.T) {
			server := startWith(t, fault)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			resp, err := server.Client().Do(request(t, server, sent{}).WithContext(ctx))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			// Close waits for the handler, which is not to go on.
		})
	}
}
