package wrapper_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestRetry_LogsEveryAttempt(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := inMemory(t, &script{answers: []answer{failing(500), {err: io.ErrUnexpectedEOF}, ok()}}, quickly(), wrapper.WithLogger(logger))
	token, err := client.GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("logged %q, want three lines", lines)
	}
	for i, wants := range [][]string{
		{"level=WARN", "attempt=1", `outcome="500 Internal Server Error"`, "retry_in="},
		{"level=WARN", "attempt=2", "unexpected EOF", "retry_in="},
		{"level=DEBUG", "attempt=3", `outcome="200 OK"`},
	} {
		contains(t, lines[i], append(wants, "request_id="+token.RequestID, "correlation_id="+token.CorrelationID)...)
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log holds a secret: %s", log.String())
	}
}

// An answer under another request id than the call's may be another call's.
func TestRetry_LogsAnAnswerUnderAnotherRequestID(t *testing.T) {
	const own, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	for name, test := range map[string]struct {
		reported string
		status   int
		warned   bool
	}{
		"another":                 {other, 200, true},
		"another, with an error":  {other, 403, true},
		"something else":          {"canary-not.a.guid", 200, true},
		"the same":                {own, 200, false},
		"the same, in other case": {strings.ToUpper("aaaaaaaa-1111-4111-8111-111111111111"), 200, false},
		"none":                    {"", 200, false},
		"no answer, so none":      {"", 0, false},
		"the same, with an error": {own, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			id := own
			if strings.HasPrefix(test.reported, "A") {
				id = strings.ToLower(test.reported)
			}
			a := answer{status: test.status, body: tokenJSON, header: map[string]string{}}
			if test.reported != "" {
				a.header["MS-RequestId"] = test.reported
			}
			if test.status == 0 {
				a.err = io.ErrUnexpectedEOF
			}
			var buffer strings.Builder
			client := inMemory(t, &script{answers: []answer{a}}, once(), wrapper.WithLogger(slog.New(slog.NewTextHandler(&buffer, nil))))
			_, err := client.GenerateToken(wrapper.ContextWithRequestID(t.Context(), uuid.MustParse(id)))
			checkEqual(t, "refused", err != nil, test.status != 200)
			log := buffer.String()
			checkEqual(t, "warned", strings.Contains(log, "names another request id"), test.warned)
			if test.warned {
				contains(t, log, "level=WARN", "request_id="+id)
				if test.reported == other {
					contains(t, log, "reported="+other)
				}
			}
		})
	}
}
