package wrapper_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestError_IsOneKind(t *testing.T) {
	kinds := map[error][]int{
		wrapper.ErrBadRequest:   {400},
		wrapper.ErrUnauthorized: {401},
		wrapper.ErrForbidden:    {403},
		wrapper.ErrNotFound:     {404},
		wrapper.ErrThrottled:    {429},
		wrapper.ErrServer:       {200, 201, 204, 299, 500, 501, 505, 507, 599},
		wrapper.ErrUnavailable:  {408, 502, 503, 504},
		nil:                     {101, 300, 302, 304, 399, 402, 405, 409, 410, 428, 430, 499},
	}
	for kind, statuses := range kinds {
		for _, status := range statuses {
			wantKind(t, &wrapper.Error{StatusCode: status, Attempts: 1}, kind)
		}
	}
}

func TestError_OfMissingMFAHasAKindBeside(t *testing.T) {
	for _, test := range []struct {
		err  wrapper.Error
		want bool
	}{
		{wrapper.Error{StatusCode: 401, Code: "900421"}, true},
		{wrapper.Error{StatusCode: 401, Code: "900420"}, false},
		{wrapper.Error{StatusCode: 401}, false},
		{wrapper.Error{StatusCode: 403, Code: "900421"}, false},
	} {
		checkEqual(t, test.err.Error(), errors.Is(&test.err, wrapper.ErrMFARequired), test.want)
		checkEqual(t, "unauthorized", errors.Is(&test.err, wrapper.ErrUnauthorized), test.err.StatusCode == 401)
	}
}

func TestError_Retryable(t *testing.T) {
	tests := map[string]struct {
		err  wrapper.Error
		want bool
	}{
		"zero":                      {wrapper.Error{}, false},
		"nothing was sent":          {wrapper.Error{Err: errors.New("no bearer")}, false},
		"no answer":                 {wrapper.Error{Attempts: 1, Err: io.ErrUnexpectedEOF}, true},
		"the caller's time":         {wrapper.Error{Attempts: 1, Err: context.DeadlineExceeded}, true},
		"the caller's will":         {wrapper.Error{Attempts: 1, Err: context.Canceled}, false},
		"no bearer, and cancelled":  {wrapper.Error{Err: errors.Join(retryable(true), context.Canceled)}, false},
		"http for https":            {wrapper.Error{Attempts: 1, Err: http.ErrSchemeMismatch}, false},
		"an untrusted server":       {wrapper.Error{Attempts: 1, Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}, false},
		"no TLS":                    {wrapper.Error{Attempts: 1, Err: tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}}, false},
		"101":                       {wrapper.Error{StatusCode: 101}, false},
		"302":                       {wrapper.Error{StatusCode: 302}, false},
		"400":                       {wrapper.Error{StatusCode: 400}, false},
		"401":                       {wrapper.Error{StatusCode: 401}, false},
		"403":                       {wrapper.Error{StatusCode: 403}, false},
		"404":                       {wrapper.Error{StatusCode: 404}, false},
		"408":                       {wrapper.Error{StatusCode: 408}, true},
		"429":                       {wrapper.Error{StatusCode: 429}, true},
		"500":                       {wrapper.Error{StatusCode: 500}, true},
		"501":                       {wrapper.Error{StatusCode: 501}, false},
		"502":                       {wrapper.Error{StatusCode: 502}, true},
		"503":                       {wrapper.Error{StatusCode: 503}, true},
		"504":                       {wrapper.Error{StatusCode: 504}, true},
		"200, no token":             {wrapper.Error{StatusCode: 200}, true},
		"500, and its body was cut": {wrapper.Error{StatusCode: 500, Attempts: 4, Err: io.ErrUnexpectedEOF}, true},
	}
	for name, test := range tests {
		checkEqual(t, name, test.err.Retryable(), test.want)
	}
}

func TestError_SaysWhatToDoNext(t *testing.T) {
	const (
		global = "ask Entra for a token of scope https://api.partnercenter.microsoft.com/.default"
		china  = "ask Entra for a token of scope https://partner.partnercenterapi.microsoftonline.cn/.default"
	)
	tests := map[string]struct {
		answer answer
		opts   []wrapper.Option
		want   string
	}{
		"another audience":          {answer: answer{status: 401, body: `{"code":"900420"}`}, want: "another audience: " + global},
		"as a number":               {answer: answer{status: 401, body: `{"code":900420}`}, want: "another audience: " + global},
		"another audience in China": {answer{status: 401, body: `{"code":"900420"}`}, []wrapper.Option{wrapper.WithBaseURL(gen.ServerChina)}, china},
		"no MFA":                    {answer: answer{status: 401, body: `{"code":"900421"}`}, want: "multi-factor authentication"},
		"the wrong token":           {answer: answer{status: 400, body: `{"code":"900316"}`}, want: "send the Entra token"},
		"unauthorized":              {answer: answer{status: 401}, want: "not accepted: " + global},
		"unauthorized in China":     {answer{status: 401}, []wrapper.Option{wrapper.WithBaseURL(gen.ServerChina)}, "not accepted: " + china},
		"forbidden":                 {answer: answer{status: 403}, want: "rights"},
		"not found":                 {answer: answer{status: 404}, want: "base URL"},
		"a redirect":                {answer: answer{status: 302}, want: "redirects are not followed"},
		"bad request":               {answer: answer{status: 400}, want: "the same request would be refused again"},
		"throttled":                 {answer: answer{status: 429}, want: "wait before the next call"},
		"failed":                    {answer: answer{status: 500}, want: "support"},
		"unavailable":               {answer: answer{status: 503}, want: "try again later"},
		"no answer":                 {answer: answer{err: io.ErrUnexpectedEOF}, want: "check the network"},
		"an answer that stays out":  {answer: answer{err: http.ErrSchemeMismatch}, want: "check the base URL, the certificates"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := inMemory(t, &script{answers: []answer{test.answer}}, append(test.opts, once())...).GenerateToken(t.Context())
			_ = asError(t, err)
			contains(t, err.Error(), test.want)
		})
	}
}

func TestError_IsOnePrintableLineWhateverTheServiceSays(t *testing.T) {
	s := &script{answers: []answer{{status: 400, body: `{"code":"1\n2","description":"a\r\nb\u001b[31m\u0000","source":"\u2028c"}`}}}
	_, err := inMemory(t, s).GenerateToken(t.Context())
	_ = asError(t, err)
	contains(t, err.Error(), "code 1 2 from c: a b [31m (")
	presentable(t, err)
}

func TestError_StaysShortWhateverTheServiceSays(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	longHeader := map[string]string{
		"ms-requestid": long, "ms-correlationid": long, "Content-Type": long, "WWW-Authenticate": long, "Retry-After": long, "Location": long,
	}
	for name, a := range map[string]answer{
		"JSON":                     {status: 400, body: `{"code":"` + long + `","description":"` + long + `","source":"` + long + `","data":["` + long + `"]}`},
		"XML":                      {status: 400, body: `<e><code>` + long + `</code><description>` + long + `</description><source>` + long + `</source></e>`},
		"a page":                   {status: 502, body: "<html>" + long},
		"headers":                  {status: 401, header: longHeader},
		"no token":                 {status: 200, header: longHeader},
		"no answer":                {err: errors.New(long)},
		"the beginning of a token": {status: 200, body: `{"access_token":"` + long},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := inMemory(t, &script{answers: []answer{a}}, once()).GenerateToken(t.Context())
			e := asError(t, err)
			presentable(t, err)
			for field, text := range map[string]string{"code": e.Code, "source": e.Source, "request id": e.RequestID, "correlation id": e.CorrelationID} {
				if len(text) > 256+len("…") || strings.HasSuffix(field, "id") && len(text) > 128+len("…") || !utf8.ValidString(text) {
					t.Errorf("%s has %d bytes", field, len(text))
				}
			}
			if len(e.Description) > 5000 || !utf8.ValidString(e.Description) {
				t.Errorf("the description has %d bytes", len(e.Description))
			}
			if size := len(formatted("%v", e.Data...)); size > 2000 {
				t.Errorf("the data have %d bytes", size)
			}
		})
	}
}

func TestError_HasTheIDsThatWereSentWhereTheServiceReportsNone(t *testing.T) {
	id := uuid.New()
	for name, a := range map[string]answer{"a refusal": failing(404), "no answer": {err: io.ErrUnexpectedEOF}, "no token": {status: 200}} {
		s := &script{answers: []answer{a}}
		_, err := inMemory(t, s, once()).GenerateToken(wrapper.ContextWithRequestID(t.Context(), id))
		e := asError(t, err)
		checkEqual(t, name+": request id", e.RequestID, id.String())
		checkEqual(t, name+": correlation id", e.CorrelationID, s.seen()[0].header.Get("ms-correlationid"))
		contains(t, err.Error(), "request id "+id.String(), "correlation id "+e.CorrelationID, "attempts 1")
	}
}

func TestError_SaysWhatHappenedToWhatAndWhatToDoNext(t *testing.T) {
	for want, err := range map[string]wrapper.Error{
		"generate token": {},
		"generate token: 404 Not Found; check the base URL: https://api.partnercenter.microsoft.com, or " +
			"https://partner.partnercenterapi.microsoftonline.cn for China": {StatusCode: 404},
		"generate token: 429 Too Many Requests, code 7 from gateway: too fast (request id a, correlation id b, attempts 2, retry after 1m30s); " +
			"wait before the next call: immediate retries count against the quota": {
			StatusCode: 429, Code: "7", Source: "gateway", Description: "too fast. ", RequestID: "a", CorrelationID: "b", Attempts: 2, RetryAfter: 90*time.Second + 1,
		},
		"generate token: 999: unexpected EOF (request id , correlation id b, attempts 1); try again later; if it goes on, give both ids to Microsoft's support": {
			StatusCode: 999, Err: io.ErrUnexpectedEOF, CorrelationID: "b", Attempts: 1,
		},
		"generate token: unexpected EOF (request id a, correlation id , attempts 1); try again later; if it goes on, check the network between here and the service": {
			Err: io.ErrUnexpectedEOF, RequestID: "a", Attempts: 1,
		},
		"generate token: getting the bearer: AADSTS90033: a transient error has occurred; try again later; if it goes on, check the network between here and Entra": {
			Err: fmt.Errorf("getting the bearer: %w", retryable(true)),
		},
		"generate token: context canceled (request id a, correlation id b, attempts 1)": {
			Err: context.Canceled, RequestID: "a", CorrelationID: "b", Attempts: 1,
		},
		"generate token: the bearer is not usable": {Err: wrapper.ErrInvalidBearer},
		"generate token: sign-in failed":           {Err: errors.New("sign-in failed")},
	} {
		checkEqual(t, "text", err.Error(), want)
	}
}

// A caller can find out what an error was made of, though its text has been cleaned.
func TestError_IsWhatItWasMadeOf(t *testing.T) {
	cause := &cause{"canary.bearer.0123456789 was not taken"}
	for name, client := range map[string]*wrapper.Client{
		"of a transport": inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, cause }), once()),
		"of a bearer":    withBearer(t, func(context.Context) (string, error) { return "", &struct{ error }{cause} }),
		"of a body": inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), failingReader{cause}))}, nil
		}), once()),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "of a bearer" {
				cause.text = "access_token=canary-entra-token was not taken"
			}
			_, err := client.GenerateToken(t.Context())
			_ = asError(t, err)
			presentable(t, err)
			contains(t, err.Error(), "was not taken")
			if name != "of a bearer" && !errors.Is(err, cause) {
				t.Errorf("errors.Is does not find the cause in %v", err)
			}
		})
	}
}

type cause struct{ text string }

func (c *cause) Error() string { return c.text }

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
