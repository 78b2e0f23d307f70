package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestEveryFieldOfAnErrorHoldsWhateverTheBody(t *testing.T) {
	kinds := map[int]error{
		400: wrapper.ErrBadRequest, 401: wrapper.ErrUnauthorized, 403: wrapper.ErrForbidden, 404: wrapper.ErrNotFound,
		429: wrapper.ErrThrottled, 500: wrapper.ErrServer, 503: wrapper.ErrUnavailable,
	}
	documented := wrapper.Error{Code: "2032", Description: "Access denied.", Source: "PartnerFD"}
	withData := documented
	withData.Data = []any{"a", "b"}
	page := "<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body><hr></body></html>"
	bodies := map[string]struct {
		contentType, body string
		length            int
		want              wrapper.Error
	}{
		"JSON": {
			contentType: "application/json; charset=utf-8",
			body:        `{"code":"2032","description":"Access denied.","data":["a","b"],"source":"PartnerFD"}`,
			want:        withData,
		},
		"JSON with a number as code": {
			contentType: "application/json", body: `{"code":2032,"description":"Access denied.","source":"PartnerFD"}`,
			want: documented,
		},
		"JSON after a byte order mark": {
			contentType: "text/json", body: "\ufeff" + `{"code":"2032","description":"Access denied.","source":"PartnerFD"}`,
			want: documented,
		},
		"JSON with members of other types": {
			contentType: "application/json", body: `{"code":"2032","description":"Access denied.","data":"none","source":7}`,
			want: wrapper.Error{Code: "2032", Description: "Access denied."},
		},
		"JSON of a gateway": {
			contentType: "application/json", body: `{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}`,
			want: wrapper.Error{Description: "Rate limit is exceeded. Try again in 57 seconds."},
		},
		"JSON that says it is HTML": {
			contentType: "text/html", body: `{"code":"2032","description":"Access denied.","source":"PartnerFD"}`,
			want: documented,
		},
		"XML": {
			contentType: "application/xml",
			body:        `<?xml version="1.0"?><Error><code>2032</code><description>Access denied.</description><source>PartnerFD</source></Error>`,
			want:        documented,
		},
		"XML with a namespace and another root": {
			contentType: "text/xml",
			body: `<e:ServiceError xmlns:e="urn:any"><e:code>2032</e:code><e:description>Access denied.</e:description>` +
				`<e:data>a</e:data><e:data>b</e:data><e:source>PartnerFD</e:source></e:ServiceError>`,
			want: withData,
		},
		"HTML": {
			contentType: "text/html", body: page,
			want: wrapper.Error{Description: "<!DOCTYPE html> <html><head><title>Bad Gateway</title></head><body><hr></body></html>"},
		},
		"HTML that says it is JSON": {
			contentType: "application/json", body: page,
			want: wrapper.Error{Description: "<!DOCTYPE html> <html><head><title>Bad Gateway</title></head><body><hr></body></html>"},
		},
		"plain text of many lines": {
			contentType: "text/plain", body: "no\n\n\x1b[31mway\x00\n",
			want: wrapper.Error{Description: "no [31mway"},
		},
		"nothing":                      {contentType: "application/json"},
		"nothing, not even a type":     {},
		"JSON that is cut off":         {contentType: "application/json", body: `{"code":"2032","des`, want: wrapper.Error{Description: `{"code":"2032","des`}},
		"a connection that broke off":  {contentType: "application/json", body: `{"code":"2032","des`, length: 900, want: wrapper.Error{Description: `{"code":"2032","des`, Err: io.ErrUnexpectedEOF}},
		"XML that broke off":           {contentType: "application/xml", body: `<Error><code>2032</code><descr`, length: 900, want: wrapper.Error{Code: "2032", Err: io.ErrUnexpectedEOF}},
		"more than anybody would read": {contentType: "text/plain", body: strings.Repeat("a", 1000), want: wrapper.Error{Description: strings.Repeat("a", 200) + "…"}},
	}
	for status, kind := range kinds {
		for name, test := range bodies {
			t.Run(fmt.Sprintf("%d/%s", status, name), func(t *testing.T) {
				s := &script{answers: []answer{{
					status: status, contentType: test.contentType, body: test.body, length: test.length,
					header: map[string]string{"Retry-After": "120", "MS-RequestId": "their-request", "MS-CorrelationId": "their-correlation"},
				}}}
				_, err := onSocket(t, s, wrapper.WithRetry(wrapper.Retry{MaxRetries: -1})).GenerateToken(t.Context())
				got := *asError(t, err)
				if !errors.Is(got.Err, test.want.Err) {
					t.Errorf("Err is %v, want %v", got.Err, test.want.Err)
				}
				want := test.want
				want.StatusCode, want.Attempts, want.RetryAfter = status, 1, 2*time.Minute
				want.RequestID, want.CorrelationID, want.Err = "their-request", "their-correlation", got.Err
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %#v\nwant %#v", got, want)
				}
				wantKind(t, err, kind)
				for _, part := range []string{fmt.Sprint(status), want.Code, "their-request", "their-correlation", "attempts 1", "2m0s"} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
				if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
					t.Errorf("%q is not one printable line", err)
				}
			})
		}
	}
}

func TestAnErrorIsOnePrintableLineWhateverTheServiceSays(t *testing.T) {
	s := &script{answers: []answer{{status: 400, body: `{"code":"1\n2","description":"a\r\nb\u001b[31m\u0000","source":"\u2028c"}`}}}
	_, err := onSocket(t, s).GenerateToken(t.Context())
	_ = asError(t, err)
	if want := "code 1 2 from c: a b [31m ("; !strings.Contains(err.Error(), want) {
		t.Errorf("%q lacks %q", err, want)
	}
}

func TestAnErrorsTextStaysShortWhateverTheServiceSays(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	s := &script{answers: []answer{{status: 400, body: `{"code":"` + long + `","description":"` + long + `","source":"` + long + `"}`}}}
	_, err := onSocket(t, s).GenerateToken(t.Context())
	e := asError(t, err)
	if len(err.Error()) > 2000 || !utf8.ValidString(err.Error()) {
		t.Errorf("%d bytes, valid %t", len(err.Error()), utf8.ValidString(err.Error()))
	}
	if len(e.Description) > 5000 || len(e.Code) > 300 || len(e.Source) > 300 {
		t.Errorf("the fields have %d, %d and %d bytes", len(e.Description), len(e.Code), len(e.Source))
	}
}

func TestAnErrorReportsTheIDsThatWereSentWhereTheServiceReportsNone(t *testing.T) {
	id := uuid.New()
	s := &script{answers: []answer{failing(404)}}
	_, err := onSocket(t, s).GenerateToken(wrapper.ContextWithRequestID(t.Context(), id))
	e := asError(t, err)
	if e.RequestID != id.String() || e.CorrelationID != s.seen()[0].header.Get("ms-correlationid") {
		t.Errorf("got %#v", e)
	}
}

func TestAnErrorSaysWhatToDoNext(t *testing.T) {
	scope := "ask Entra for a token of scope https://api.partnercenter.microsoft.com/.default"
	tests := map[string]struct {
		answer answer
		want   string
	}{
		"another audience": {answer{status: 401, body: `{"code":"900420"}`}, scope},
		"as a number":      {answer{status: 401, body: `{"code":900420}`}, scope},
		"unauthorized":     {answer{status: 401}, scope},
		"forbidden":        {answer{status: 403}, "rights"},
		"not found":        {answer{status: 404}, "base URL"},
		"a redirect":       {answer{status: 302}, "redirects are not followed"},
		"bad request":      {answer{status: 400}, "the same request would be refused again"},
		"throttled":        {answer{status: 429}, "wait before the next call"},
		"failed":           {answer{status: 500}, "support"},
		"unavailable":      {answer{status: 503}, "try again later"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{test.answer}}
			_, err := onSocket(t, s, quickly()).GenerateToken(t.Context())
			_ = asError(t, err)
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not say %q", err, test.want)
			}
		})
	}
}

func TestABearerThatAServerRepeatsDoesNotReachTheError(t *testing.T) {
	for _, body := range []string{
		`{"code":"1","description":"` + bearer + ` is not accepted","data":[{"token":"` + bearer + `"}],"source":"` + bearer + `"}`,
		"<html>Authorization: Bearer " + bearer + "</html>",
		bearer,
	} {
		s := &script{answers: []answer{{status: 401, body: body}}}
		_, err := onSocket(t, s).GenerateToken(t.Context())
		e := asError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			if text := fmt.Sprintf(verb, e); strings.Contains(text, "canary") {
				t.Errorf("%s: %s", verb, text)
			}
		}
		if fields := fmt.Sprintf("%v", *e); strings.Contains(fields, "canary") {
			t.Errorf("fields: %s", fields)
		}
	}
}

func TestATokenInTheBodyOfAFailureIsNotShown(t *testing.T) {
	for _, status := range []int{201, 206, 302, 403, 500} {
		for _, body := range []string{tokenJSON, tokenXML} {
			_, err := onSocket(t, &script{answers: []answer{{status: status, body: body}}}, quickly()).GenerateToken(t.Context())
			e := asError(t, err) // which looks for the token in the text
			if e.StatusCode != status || strings.Contains(fmt.Sprintf("%#v", *e), "canary") {
				t.Errorf("got %#v", *e)
			}
		}
	}
}

func TestTheBodyOfAnUndocumentedSuccessIsNotShown(t *testing.T) {
	for _, status := range []int{201, 202, 206, 299} {
		_, err := onSocket(t, &script{answers: []answer{{status: status, body: "canary"}}}).GenerateToken(t.Context())
		_ = asError(t, err)
		wantKind(t, err, wrapper.ErrServer)
	}
}

func TestATwoHundredWithoutATokenIsAnError(t *testing.T) {
	for name, a := range map[string]answer{
		"HTML":                      {contentType: "text/html", body: "<html>canary: sign in</html>"},
		"empty":                     {contentType: "application/json"},
		"not JSON":                  {contentType: "application/json", body: "canary"},
		"cut off":                   {contentType: "application/json", body: tokenJSON[:30]},
		"another object":            {contentType: "application/json", body: `{"token":"canary"}`},
		"an empty token":            {contentType: "application/json", body: `{"access_token":""}`},
		"a lifetime that is none":   {contentType: "application/json", body: `{"access_token":"canary","expires_in":"canary"}`},
		"a token with a line break": {contentType: "application/json", body: `{"access_token":"canary\r\nX-Other: 1"}`},
		"an array":                  {contentType: "application/json", body: `["canary"]`},
		"other XML":                 {contentType: "application/xml", body: "<a>canary</a>"},
	} {
		t.Run(name, func(t *testing.T) {
			a.status = 200
			_, err := onSocket(t, &script{answers: []answer{a}}).GenerateToken(t.Context())
			e := asError(t, err)
			if e.StatusCode != 200 || e.Attempts != 1 || !strings.Contains(err.Error(), "no usable access token") {
				t.Errorf("got %v", err)
			}
			if text := fmt.Sprintf("%#v", e); strings.Contains(text, "canary") {
				t.Errorf("the error holds what may be a token: %s", text)
			}
			wantKind(t, err, wrapper.ErrServer)
		})
	}
}

func TestRetryable(t *testing.T) {
	tests := map[string]struct {
		err  wrapper.Error
		want bool
	}{
		"zero":              {wrapper.Error{}, false},
		"nothing was sent":  {wrapper.Error{Err: errors.New("no bearer")}, false},
		"no answer":         {wrapper.Error{Attempts: 1, Err: io.ErrUnexpectedEOF}, true},
		"the caller's time": {wrapper.Error{Attempts: 1, Err: context.DeadlineExceeded}, true},
		"the caller's will": {wrapper.Error{Attempts: 1, Err: context.Canceled}, false},
		"http for https":    {wrapper.Error{Attempts: 1, Err: http.ErrSchemeMismatch}, false},
		"302":               {wrapper.Error{StatusCode: 302}, false},
		"400":               {wrapper.Error{StatusCode: 400}, false},
		"401":               {wrapper.Error{StatusCode: 401}, false},
		"403":               {wrapper.Error{StatusCode: 403}, false},
		"404":               {wrapper.Error{StatusCode: 404}, false},
		"408":               {wrapper.Error{StatusCode: 408}, true},
		"429":               {wrapper.Error{StatusCode: 429}, true},
		"500":               {wrapper.Error{StatusCode: 500}, true},
		"501":               {wrapper.Error{StatusCode: 501}, false},
		"502":               {wrapper.Error{StatusCode: 502}, true},
		"503":               {wrapper.Error{StatusCode: 503}, true},
		"504":               {wrapper.Error{StatusCode: 504}, true},
		"200, no token":     {wrapper.Error{StatusCode: 200}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.err.Retryable(); got != test.want {
				t.Errorf("Retryable() = %t", got)
			}
		})
	}
}
