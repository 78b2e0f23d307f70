package wrapper_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// withoutEnd writes a piece again and again, until the other side has had enough.
func withoutEnd(head, piece string) func(io.Writer) {
	piece = strings.Repeat(piece, 1+4096/len(piece))
	return func(w io.Writer) {
		_, err := io.WriteString(w, head)
		for err == nil {
			_, err = io.WriteString(w, piece)
		}
	}
}

// gzipped is an answer that is compressed though nobody asked for it.
func gzipped(head, body string) func(io.Writer) {
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
	return whole(head+"Content-Encoding: gzip\r\n", compressed.String())
}

// gzipOfNothing is a stream of compressed blocks without an end and without any content.
var gzipOfNothing = withoutEnd(headOK+"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", "\x00\x00\x00\xff\xff")

const mostHeap = 32 << 20

func TestAnswer_ThatIsHostileBringsATokenOrAClearErrorInBoundedMemory(t *testing.T) {
	type want struct {
		kind error // nil for a token
		says string
	}
	server := func(says string) want { return want{wrapper.ErrServer, says} }
	unavailable := func(says string) want { return want{wrapper.ErrUnavailable, says} }
	token := want{}
	const (
		headXML = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
		none    = "no usable access token"
	)
	forbidden := want{wrapper.ErrForbidden, "403"}
	tests := map[string]struct {
		answer func(io.Writer)
		want   want
	}{
		"a body without end":             {withoutEnd(headOK+"\r\n", `{"access_token":"`), server("longer than 1024 KiB")},
		"an error's body without end":    {withoutEnd("HTTP/1.1 500 Internal Server Error\r\n\r\n", "sorry "), server("longer than 64 KiB")},
		"a Content-Length of an exabyte": {withoutEnd(headOK+"Content-Length: 1000000000000000000\r\n\r\n", " "), server("longer than 1024 KiB")},
		"a gzip bomb":                    {gzipped(headOK, strings.Repeat(" ", 64<<20)), server("longer than 1024 KiB")},
		"gzip without end and content":   {gzipOfNothing, server("longer than 1024 KiB")},
		"a small gzip bomb for an error": {gzipped("HTTP/1.1 403 Forbidden\r\n", strings.Repeat(" ", 1<<20)), want{wrapper.ErrForbidden, "longer than 64 KiB"}},
		"gzip that nobody asked for":     {gzipped(headOK, tokenJSON), token},
		"what is no gzip":                {whole(headOK+"Content-Encoding: gzip\r\n", "x"), unavailable("broke off")},
		"10,000 headers":                 {whole(headOK+strings.Repeat("X-Header: value\r\n", 10_000), tokenJSON), token},
		"headers without end":            {withoutEnd(headOK, "X-Header: value\r\n"), unavailable("exceeded")},
		"a header of 1 MiB":              {whole(headOK+"X-Large: "+strings.Repeat("x", 1<<20)+"\r\n", tokenJSON), unavailable("exceeded")},
		"a header without end":           {withoutEnd(headOK+"X-Large: ", "x"), unavailable("exceeded")},
		"1xx without end":                {withoutEnd("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), unavailable("")},
		"a status without end":           {withoutEnd("HTTP/1.1 ", "2"), unavailable("")},
		"chunks of one byte":             {withoutEnd(headOK+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"), server("longer than 1024 KiB")},
		"no HTTP":                        {withoutEnd("", "SSH-2.0-OpenSSH_9.2\r\n"), unavailable("malformed HTTP")},
		"nothing":                        {func(io.Writer) {}, unavailable("EOF")},
		"a 204":                          {whole("HTTP/1.1 204 No Content\r\n", ""), server("204")},
		"a 206 with a token":             {whole("HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\n", tokenJSON), server("206")},
		"a status of three nines":        {whole("HTTP/1.1 999 \r\n", "?"), server("999")},

		"NUL in the token":            {whole(headOK, `{"access_token":"a\u0000b"}`), server(none)},
		"a line end in the token":     {whole(headOK, `{"access_token":"a\r\nX-Injected: 1"}`), server(none)},
		"no UTF-8 in the token":       {whole(headOK, "{\"access_token\":\"a\xff\"}"), server(none)},
		"NUL and worse for a body":    {whole("HTTP/1.1 400 Bad Request\r\n", "\x00\x1b[2J\xff\xfe\u202e"), want{wrapper.ErrBadRequest, "400"}},
		"half a byte order mark":      {whole(headOK, "\xff"), server(none)},
		"a byte order mark alone":     {whole(headOK, "\xff\xfe"), server(none)},
		"an odd byte of UTF-16":       {whole(headOK, "\xff\xfe{"), server(none)},
		"JSON nested 100,000 deep":    {whole(headOK, strings.Repeat("[", 100_000)), server(none)},
		"objects nested in a token":   {whole(headOK, `{"access_token":`+strings.Repeat(`{"a":`, 100_000)), server(none)},
		"an error nested 100,000":     {whole("HTTP/1.1 403 Forbidden\r\n", `{"data":`+strings.Repeat("[", 100_000)), forbidden},
		"XML nested 100,000 deep":     {whole(headXML, strings.Repeat("<a>", 100_000)), server(none)},
		"an XML error nested 100,000": {whole("HTTP/1.1 403 Forbidden\r\n", strings.Repeat("<a>", 100_000)), forbidden},
		"XML with entities": {whole(headXML,
			`<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a><access_token>&y;</access_token></a>`), server(none)},
		"XML that refers to a file": {whole(headXML,
			`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><access_token>&x;</access_token></a>`), server(none)},
		"members twice":               {whole(headOK, `{"access_token":"first","access_token":"second","expires_in":1,"expires_in":2}`), token},
		"an empty token":              {whole(headOK, `{"access_token":""}`), server(none)},
		"no token":                    {whole(headOK, `{"token_type":"bearer","expires_in":3600}`), server(none)},
		"null":                        {whole(headOK, `null`), server(none)},
		"a list":                      {whole(headOK, `[]`), server(none)},
		"a token of another type":     {whole(headOK, `{"access_token":7}`), server(none)},
		"an error with 200":           {whole(headOK, `{"code":"900420","description":"no","source":"x"}`), server(none)},
		"a page with 200":             {whole("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<html>sign in</html>"), server("text/html")},
		"expires_in of -1":            {whole(headOK, `{"access_token":"a","expires_in":-1}`), token},
		"expires_in of 1e308":         {whole(headOK, `{"access_token":"a","expires_in":1e308}`), token},
		"expires_in of 9999999999999": {whole(headOK, `{"access_token":"a","expires_in":9999999999999}`), token},
		"expires_in of nothing":       {whole(headOK, `{"access_token":"a","expires_in":""}`), server(none)},
		"expires_in of letters":       {whole(headOK, `{"access_token":"a","expires_in":"abc"}`), server(none)},
	}
	var highest uint64
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := defaultClient(t, rawAnswer(t, test.answer), wrapper.WithRetry(wrapper.Retry{MaxRetries: -1, AttemptTimeout: 2 * time.Minute}))
			runtime.GC()
			stop := watchHeap()
			token, err := client.GenerateToken(t.Context())
			peak := stop()
			highest = max(highest, peak)
			if peak > mostHeap {
				t.Errorf("the heap had %d MiB", peak>>20)
			}
			if test.want == (want{}) {
				if err != nil || token.AccessToken == "" {
					t.Errorf("got %v, %v", token, err)
				}
				return
			}
			e := asError(t, err)
			wantKind(t, err, test.want.kind)
			presentable(t, err)
			contains(t, err.Error(), test.want.says)
			checkEqual(t, "attempts", e.Attempts, 1)
			if uuid.Validate(e.RequestID) != nil {
				t.Errorf("the request id is %q", e.RequestID)
			}
		})
	}
	t.Logf("the heap had at most %.1f MiB", float64(highest)/(1<<20))
}

// watchHeap looks at the heap, garbage included, until it is told to stop, and then returns the most that it saw.
func watchHeap() (stop func() uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for ticker := time.NewTicker(200 * time.Microsecond); ; {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-done:
				ticker.Stop()
				peak <- most
				return
			case <-ticker.C:
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-peak
	}
}

// endless is a body without an end. It counts what was read of it.
type endless struct {
	piece []byte
	read  int
}

func (b *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		copied := copy(p[n:], b.piece[(b.read+n)%len(b.piece):])
		n += copied
	}
	b.read += n
	return n, nil
}

func (*endless) Close() error { return nil }

func TestAnswer_IsReadToACap(t *testing.T) {
	for name, test := range map[string]struct {
		status, most int
		body, gzip   string
	}{
		"a token":             {status: 200, most: 1 << 20, body: " "},
		"an error":            {status: 400, most: 64 << 10, body: " "},
		"a redirect":          {status: 302, most: 64 << 10, body: " "},
		"gzip of a token":     {status: 200, most: 1 << 20, body: "\x00\x00\x00\xff\xff", gzip: "gzip"},
		"gzip of an error":    {status: 500, most: 64 << 10, body: "\x00\x00\x00\xff\xff", gzip: "gzip"},
		"another compression": {status: 500, most: 64 << 10, body: "\x00", gzip: "br"},
	} {
		t.Run(name, func(t *testing.T) {
			body := &endless{piece: []byte(test.body)}
			client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: test.status, Header: http.Header{"Content-Encoding": {test.gzip}}, ContentLength: -1, Body: body}, nil
			}), once())
			_, err := client.GenerateToken(t.Context())
			checkEqual(t, "status", asError(t, err).StatusCode, test.status)
			contains(t, err.Error(), "longer than")
			if body.read <= test.most || body.read > 2*test.most+4096 {
				t.Errorf("read %d bytes, the cap is %d", body.read, test.most)
			}
		})
	}
}

func TestAnswer_OfTheMostThatIsReadIsReadWhole(t *testing.T) {
	padded := func(text string, length int) string { return text + strings.Repeat(" ", length-len(text)) }
	const refusal = `{"code":"7","description":"no"}`
	for _, over := range []int{0, 1} {
		s := &script{answers: []answer{{status: 200, body: padded(tokenJSON, 1<<20+over)}}}
		_, err := inMemory(t, s).GenerateToken(t.Context())
		checkEqual(t, fmt.Sprintf("a token of 1 MiB and %d bytes is refused", over), err != nil, over > 0)

		s = &script{answers: []answer{{status: 400, body: padded(refusal, 64<<10+over)}}}
		_, err = inMemory(t, s).GenerateToken(t.Context())
		e := asError(t, err)
		checkEqual(t, fmt.Sprintf("an error of 64 KiB and %d bytes says so", over), e.Err != nil, over > 0)
		checkEqual(t, "code", e.Code, "7") // which the beginning has
	}
}

// What a small answer decompresses or decodes to is bounded too.
func TestAnswer_ThatIsSmallTakesLittleMemory(t *testing.T) {
	list := `{"code":"1","description":"no","data":[` + strings.Repeat(`{},`, 300_000) + `{}]}`
	client := defaultClient(t, rawAnswer(t, gzipped("HTTP/1.1 400 Bad Request\r\n", list)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := client.GenerateToken(t.Context())
	runtime.ReadMemStats(&after)
	_ = asError(t, err)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
		t.Errorf("an answer of some kB took %.1f MiB", float64(allocated)/(1<<20))
	}
}

// tracked is a body that keeps whether it was read to its end and closed.
type tracked struct {
	io.Reader
	drained, closed bool
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.drained = b.drained || err == io.EOF
	return n, err
}

func (b *tracked) Close() error {
	b.closed = true
	return nil
}

func TestAnswer_IsDrainedAndClosedBeforeTheNextAttempt(t *testing.T) {
	var bodies []*tracked
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
		for i, b := range bodies {
			checkEqual(t, fmt.Sprintf("answer %d drained", i+1), b.drained, true)
			checkEqual(t, fmt.Sprintf("answer %d closed", i+1), b.closed, true)
		}
		bodies = append(bodies, &tracked{Reader: strings.NewReader("failed")})
		return &http.Response{StatusCode: 500, Header: http.Header{}, Body: bodies[len(bodies)-1]}, nil
	}), quickly())
	_, err := client.GenerateToken(t.Context())
	_ = asError(t, err)
	checkEqual(t, "attempts", len(bodies), 4)
	checkEqual(t, "last answer closed", bodies[3].closed, true)
}

// An answer of 101 is none that the endpoint documents, and what follows it is no body.
func TestAnswer_ThatSwitchesProtocolsEndsTheCallAtOnce(t *testing.T) {
	silence := rawAnswer(t, func(w io.Writer) {
		_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: canary\r\n\r\n")
		_, _ = io.Copy(io.Discard, w.(io.Reader)) // until the client closes
	})
	for name, client := range map[string]*wrapper.Client{
		"default client": defaultClient(t, silence), "a client that keeps connections": newClient(t, silence),
	} {
		t.Run(name, func(t *testing.T) {
			within(t, 5*time.Second, func() {
				_, err := client.GenerateToken(t.Context())
				e := asError(t, err)
				checkEqual(t, "status", e.StatusCode, 101)
				checkEqual(t, "attempts", e.Attempts, 1)
				checkEqual(t, "retryable", e.Retryable(), false)
			})
		})
	}
}

func TestAnswer_WithoutABodyFromATransportIsAsIfItWereEmpty(t *testing.T) {
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}}, nil
	}))
	_, err := client.GenerateToken(t.Context())
	wantKind(t, err, wrapper.ErrForbidden)
}

func TestError_OfATransportNamesWhereTheRequestWent(t *testing.T) {
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	_, err := client.GenerateToken(t.Context())
	contains(t, err.Error(), `POST "https://service.example/v3/generatetoken": no route`)
}

func TestAnswer_NoneAndNoErrorFromATransportIsAnError(t *testing.T) {
	client := inMemory(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil }),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	_, err := client.GenerateToken(t.Context())
	wantKind(t, err, wrapper.ErrUnavailable)
}

func TestAnswer_ThatCameAsTheAttemptEndedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := inMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				<-r.Context().Done()
			}
			return (&script{answers: []answer{ok()}}).RoundTrip(r)
		}))
		if _, err := client.GenerateToken(t.Context()); err != nil || sent != 2 {
			t.Errorf("after %d attempts: %v", sent, err)
		}
	})
}

func TestAPI_ReportsASuccessThatIsTooLong(t *testing.T) {
	s := &script{answers: []answer{{status: 200, contentType: "application/json", body: tokenJSON + strings.Repeat(" ", 1<<20)}}}
	_, err := inMemory(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	checkEqual(t, "status", asError(t, err).StatusCode, 200)
	contains(t, err.Error(), "longer than 1024 KiB")
}

// A gateway may say of nothing that it is compressed.
func TestAnswer_ThatIsEmptyIsWholeWhateverItsEncoding(t *testing.T) {
	s := &script{answers: []answer{{status: 403, header: map[string]string{"Content-Encoding": "gzip"}}}}
	client := inMemory(t, s)
	_, err := client.GenerateToken(t.Context())
	checkEqual(t, "Err", asError(t, err).Err, nil)
	resp, err := client.API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if err != nil || resp.StatusCode() != 403 {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestAPI_ReturnsAnErrorPageThatIsTooLong(t *testing.T) {
	s := &script{answers: []answer{{status: 404, contentType: "text/html", body: strings.Repeat("<p>", 60_000)}}}
	resp, err := onSocket(t, s).API().GenerateTokenWithResponse(t.Context(), nil, gen.TokenRequest{})
	if err != nil || resp.StatusCode() != 404 {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestError_DataShowsNoSecretInANameEither(t *testing.T) {
	body := `{"code":"1","data":[{"authorization: Bearer ` + bearer + `":"x","access_token\n":"canary-opaque"}]}`
	_, err := onSocket(t, &script{answers: []answer{{status: 400, body: body}}}).GenerateToken(t.Context())
	if text, _ := json.Marshal(asError(t, err).Data); strings.Contains(string(text), "canary") {
		t.Errorf("data is %s", text)
	}
}
