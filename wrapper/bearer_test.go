package wrapper_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestBearer_ThatIsNoneIsRefusedBeforeAnythingIsSent(t *testing.T) {
	tests := map[string]struct{ bearer, want string }{
		"empty":                   {"", "empty"},
		"a newline alone":         {"\n", "empty"},
		"with its scheme":         {"Bearer canary", `begins with "Bearer "`},
		"with another case of it": {"bearer canary", `begins with "Bearer "`},
		"its scheme alone":        {"Bearer ", `begins with "Bearer "`},
		"a line break inside":     {"canary\nX-Other: 1", "byte 7"},
		"a carriage return":       {"canary\rX-Other: 1", "byte 7"},
		"two newlines at the end": {"canary\n\n", "byte 7"},
		"a NUL":                   {"canary\x00", "byte 7"},
		"a tab":                   {"can\tary", "byte 4"},
		"a space in front":        {" canary", "byte 1"},
		"a space at the end":      {"canary ", "byte 7 of 7"},
		"a delete character":      {"canary\x7f", "byte 7"},
		"not ASCII":               {"canaryé", "byte 7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			_, err := withBearer(t, wrapper.StaticBearer(test.bearer), on(s)).GenerateToken(t.Context())
			e := asError(t, err)
			if !errors.Is(err, wrapper.ErrInvalidBearer) {
				t.Errorf("got %v", err)
			}
			contains(t, err.Error(), test.want)
			checkEqual(t, "requests", len(s.seen()), 0)
			checkEqual(t, "attempts", e.Attempts, 0)
			checkEqual(t, "retryable", e.Retryable(), false)
			if uuid.Validate(e.RequestID) != nil {
				t.Errorf("the request id is %q", e.RequestID)
			}
			wantKind(t, err, nil)
		})
	}
}

func TestBearer_LosesOneTrailingNewline(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		s := &script{answers: []answer{ok()}}
		if _, err := withBearer(t, wrapper.StaticBearer(bearer+end), on(s)).GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "header", s.seen()[0].header.Get("Authorization"), "Bearer "+bearer)
	}
}

func TestBearer_MayHoldAnyVisibleASCII(t *testing.T) {
	var every strings.Builder
	for r := '!'; r <= '~'; r++ {
		every.WriteRune(r)
	}
	s := &script{answers: []answer{ok()}}
	if _, err := withBearer(t, wrapper.StaticBearer(every.String()), on(s)).GenerateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "header", s.seen()[0].header.Get("Authorization"), "Bearer "+every.String())
}

// retryable is an error that says itself whether it may pass, as that of package oauth2auth does.
type retryable bool

func (retryable) Error() string     { return "AADSTS90033: a transient error has occurred" }
func (r retryable) Retryable() bool { return bool(r) }

func TestBearer_ErrorReachesTheCaller(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := map[string]struct {
		err       error
		retryable bool
	}{
		"a plain one":                         {errors.New("sign-in failed"), false},
		"one that says it may pass":           {retryable(true), true},
		"one that says it will not":           {retryable(false), false},
		"no such host":                        {&net.DNSError{Err: "no such host", Name: "login.microsoftonline.com", IsNotFound: true}, true},
		"connection refused":                  {refused, true},
		"connection refused, wrapped":         {errors.Join(errors.New("sign-in failed"), refused), true},
		"says it will not, though a network":  {errors.Join(retryable(false), refused), false},
		"a TLS alert that stays":              {&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, false},
		"a cut connection without a net.Conn": {io.ErrUnexpectedEOF, false}, // it may be a file of the caller's
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			client := withBearer(t, func(context.Context) (string, error) { return "", test.err }, on(s))
			_, err := client.GenerateToken(t.Context())
			e := asError(t, err)
			if !errors.Is(err, test.err) {
				t.Errorf("got %v", err)
			}
			checkEqual(t, "attempts", e.Attempts, 0)
			checkEqual(t, "requests", len(s.seen()), 0)
			checkEqual(t, "retryable", e.Retryable(), test.retryable)
			if uuid.Validate(e.CorrelationID) != nil {
				t.Errorf("the correlation id is %q", e.CorrelationID)
			}
			contains(t, err.Error(), "getting the bearer: ")
			if test.retryable {
				wantKind(t, err, wrapper.ErrUnavailable)
				contains(t, err.Error(), "try again later", "Entra")
			} else {
				wantKind(t, err, nil)
			}
		})
	}
}

// Only the end of the caller's own context looks like one. A limit that the bearer has for itself is a temporary failure.
func TestBearer_LimitOfItsOwnIsNotTheCallersDeadline(t *testing.T) {
	for name, limit := range map[string]error{"deadline": context.DeadlineExceeded, "cancellation": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			client := withBearer(t, func(context.Context) (string, error) { return "", limit }, on(&script{answers: []answer{ok()}}))
			_, err := client.GenerateToken(t.Context())
			e := asError(t, err)
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				t.Errorf("the caller's context has not ended, the error says it has: %v", err)
			}
			checkEqual(t, "retryable", e.Retryable(), true)
			wantKind(t, err, wrapper.ErrUnavailable)
		})
	}
}

func TestBearer_EndsWithTheCallersContext(t *testing.T) {
	wait := func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", errors.New("interrupted")
	}
	client := withBearer(t, wait, on(&script{answers: []answer{ok()}}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := client.GenerateToken(ctx)
	_ = asError(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the deadline is not in %v", err)
	}
}

func TestBearer_GetsTheContextOfTheCall(t *testing.T) {
	type key struct{}
	var got any
	client := withBearer(t, func(ctx context.Context) (string, error) {
		got = ctx.Value(key{})
		return bearer, nil
	}, on(&script{answers: []answer{ok()}}))
	if _, err := client.GenerateToken(context.WithValue(t.Context(), key{}, "mine")); err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "value", got, any("mine"))
}

// azidentity repeats the answer of Entra that it could not use, token included.
func TestBearer_ErrorShowsNoTokenOfEntra(t *testing.T) {
	const jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
	for name, text := range map[string]string{
		"azidentity's": `ClientSecretCredential authentication failed. the API returned a response, raw message was: {"token_type":"Bearer","access_token":"canary-entra-token","expires_in":0}`,
		"a JWT":        "cannot parse " + jwt,
		"escaped":      `body: "{\"access_token\":\"canary-entra-token\"}"`,
		"a header":     "sent Authorization: Bearer canary-entra-token",
		"a form":       "posted client_secret=canary-client-secret&grant_type=client_credentials",
		"an assertion": "posted client_assertion=" + jwt + "&x=1",
		"a refresh":    `{"refresh_token": "canary-refresh-token"}`,
		"a password":   "password=canary-password",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := withBearer(t, func(context.Context) (string, error) { return "", errors.New(text) }).GenerateToken(t.Context())
			_ = asError(t, err)
			if strings.Contains(err.Error(), jwt[20:40]) {
				t.Errorf("the token is in %v", err)
			}
		})
	}
}
