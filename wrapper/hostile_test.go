package wrapper_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// rawServer has a function handle each connection, until the test ends.
func rawServer(t *testing.T, handle func(conn *net.TCPConn, in *bufio.Reader)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn), bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return "http://" + listener.Addr().String()
}

// rawAnswer answers the first request of each connection with whatever answer writes, which ends with the connection.
func rawAnswer(t *testing.T, answer func(io.Writer)) (url string) {
	t.Helper()
	return rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(conn)
		}
	})
}

const headOK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// whole is an answer with a Content-Length.
func whole(head, body string) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprintf(w, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body) }
}

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

// gzipBomb is a gigabyte of white space in a megabyte.
func gzipBomb(w io.Writer) {
	_, _ = io.WriteString(w, headOK+"Content-Encoding: gzip\r\n\r\n")
	z := gzip.NewWriter(w)
	piece := []byte(strings.Repeat(" ", 1<<16))
	for range 1 << 14 {
		if _, err := z.Write(piece); err != nil {
			return
		}
	}
	_ = z.Close()
}

const mostHeap = 32 << 20

func TestHostileAnswersBringATokenOrAClearErrorInBoundedMemory(t *testing.T) {
	type want struct {
		kind error // nil for a token
		says string
	}
	server := func(says string) want { return want{wrapper.ErrServer, says} }
	unavailable := func(says string) want { return want{wrapper.ErrUnavailable, says} }
	token := want{}
	tests := map[string]struct {
		answer func(io.Writer)
		want   want
	}{
		"a body without end":             {withoutEnd(headOK+"\r\n", `{"access_token":"`), server("longer than 1 MiB")},
		"an error's body without end":    {withoutEnd("HTTP/1.1 500 Internal Server Error\r\n\r\n", "sorry "), server("longer than 64 KiB")},
		"a Content-Length of an exabyte": {withoutEnd(headOK+"Content-Length: 1000000000000000000\r\n\r\n", " "), server("longer than 1 MiB")},
		"a gzip bomb":                    {gzipBomb, server("longer than 1 MiB")},
		"what is no gzip":                {whole(headOK+"Content-Encoding: gzip\r\n", "x"), unavailable("broke off")},
		"10,000 headers":                 {whole(headOK+strings.Repeat("X-Header: value\r\n", 10_000), tokenJSON), token},
		"headers without end":            {withoutEnd(headOK, "X-Header: value\r\n"), unavailable("exceeded")},
		"a header of 1 MiB":              {whole(headOK+"X-Large: "+strings.Repeat("x", 1<<20)+"\r\n", tokenJSON), unavailable("exceeded")},
		"a header without end":           {withoutEnd(headOK+"X-Large: ", "x"), unavailable("exceeded")},
		"1xx without end":                {withoutEnd("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), unavailable("")},
		"a status without end":           {withoutEnd("HTTP/1.1 ", "2"), unavailable("")},
		"chunks of one byte":             {withoutEnd(headOK+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"), server("longer than 1 MiB")},
		"no HTTP":                        {withoutEnd("", "SSH-2.0-OpenSSH_9.2\r\n"), unavailable("malformed HTTP")},
		"nothing":                        {func(io.Writer) {}, unavailable("EOF")},
		"a 204":                          {whole("HTTP/1.1 204 No Content\r\n", ""), server("204")},
		"a 206 with a token":             {whole("HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\n", tokenJSON), server("206")},
		"a status of three nines":        {whole("HTTP/1.1 999 \r\n", "?"), server("999")},

		"NUL in the token":            {whole(headOK, `{"access_token":"a\u0000b"}`), server("no usable access token")},
		"a line end in the token":     {whole(headOK, `{"access_token":"a\r\nX-Injected: 1"}`), server("no usable access token")},
		"no UTF-8 in the token":       {whole(headOK, "{\"access_token\":\"a\xff\"}"), server("no usable access token")},
		"NUL and worse for a body":    {whole("HTTP/1.1 400 Bad Request\r\n", "\x00\x1b[2J\xff\xfe\u202e"), want{wrapper.ErrBadRequest, "400"}},
		"JSON nested 100,000 deep":    {whole(headOK, strings.Repeat("[", 100_000)), server("no usable access token")},
		"objects nested in a token":   {whole(headOK, `{"access_token":`+strings.Repeat(`{"a":`, 100_000)), server("no usable access token")},
		"an error nested 100,000":     {whole("HTTP/1.1 403 Forbidden\r\n", `{"data":`+strings.Repeat("[", 100_000)), want{wrapper.ErrForbidden, "403"}},
		"XML nested 100,000 deep":     {whole("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n", strings.Repeat("<a>", 100_000)), server("no usable access token")},
		"an XML error nested 100,000": {whole("HTTP/1.1 403 Forbidden\r\n", strings.Repeat("<a>", 100_000)), want{wrapper.ErrForbidden, "403"}},
		"XML with entities": {whole("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n",
			`<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a><access_token>&y;</access_token></a>`), server("no usable access token")},
		"XML that refers to a file": {whole("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n",
			`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><access_token>&x;</access_token></a>`), server("no usable access token")},
		"members twice":               {whole(headOK, `{"access_token":"first","access_token":"second","expires_in":1,"expires_in":2}`), token},
		"an empty token":              {whole(headOK, `{"access_token":""}`), server("no usable access token")},
		"no token":                    {whole(headOK, `{"token_type":"bearer","expires_in":3600}`), server("no usable access token")},
		"null":                        {whole(headOK, `null`), server("no usable access token")},
		"a list":                      {whole(headOK, `[]`), server("no usable access token")},
		"a token of another type":     {whole(headOK, `{"access_token":7}`), server("no usable access token")},
		"an error with 200":           {whole(headOK, `{"code":"900420","description":"no","source":"x"}`), server("no usable access token")},
		"a page with 200":             {whole("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<html>sign in</html>"), server("text/html")},
		"no Content-Type":             {whole("HTTP/1.1 200 OK\r\n", tokenJSON), token},
		"XML that says it is JSON":    {whole(headOK, tokenXML), token},
		"expires_in of -1":            {whole(headOK, `{"access_token":"a","expires_in":-1}`), token},
		"expires_in of 0":             {whole(headOK, `{"access_token":"a","expires_in":0}`), token},
		"expires_in of 1e308":         {whole(headOK, `{"access_token":"a","expires_in":1e308}`), token},
		"expires_in of 9999999999999": {whole(headOK, `{"access_token":"a","expires_in":9999999999999}`), token},
		"expires_in of null":          {whole(headOK, `{"access_token":"a","expires_in":null}`), token},
		"expires_in of nothing":       {whole(headOK, `{"access_token":"a","expires_in":""}`), server("no usable access token")},
		"expires_in of letters":       {whole(headOK, `{"access_token":"a","expires_in":"abc"}`), server("no usable access token")},
	}
	var highest uint64
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// The default http.Client, whose transport bounds the headers.
			client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(rawAnswer(t, test.answer)), wrapper.WithRetry(wrapper.Retry{MaxRetries: -1, AttemptTimeout: 5 * time.Second}))
			if err != nil {
				t.Fatal(err)
			}
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
			if !strings.Contains(err.Error(), test.want.says) || e.Attempts != 1 || e.RequestID == "" {
				t.Errorf("got %v", err)
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

func TestNoAnswerSendsTheBearerElsewhere(t *testing.T) {
	elsewhere := rawAnswer(t, func(io.Writer) { t.Error("a request came to where the redirect leads") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{"elsewhere": elsewhere, "in a circle": "/v3/generatetoken"} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				url := rawAnswer(t, whole(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\n", status, location), ""))
				_, err := newClient(t, url).GenerateToken(t.Context())
				if e := asError(t, err); e.Attempts != 1 || e.StatusCode != status {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestARetryAfterThatIsNoneIsAsIfThereWereNone(t *testing.T) {
	for _, value := range []string{"-1", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "1e20", "0x1", "1.5", ""} {
		client := newClient(t, rawAnswer(t, whole("HTTP/1.1 429 Too Many Requests\r\nRetry-After: "+value+"\r\n", "")), quickly())
		_, err := client.GenerateToken(t.Context())
		if e := asError(t, err); e.RetryAfter != 0 || e.Attempts != 4 || !errors.Is(err, wrapper.ErrThrottled) {
			t.Errorf("%q: %v", value, err)
		}
	}
	client := newClient(t, rawAnswer(t, whole("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 99999999999999999999\r\n", "")), quickly())
	_, err := client.GenerateToken(t.Context())
	if e := asError(t, err); e.Attempts != 1 || e.RetryAfter < 100*365*24*time.Hour {
		t.Errorf("an endless wait: %v", err)
	}
}

// A kept-alive connection that the far side has given up is found out by the next request on it. net/http sends that
// one again by itself, for it is marked as one that may be, and no attempt is lost.
func TestAStaleConnectionCostsNoAttempt(t *testing.T) {
	var (
		mu      sync.Mutex
		arrived []http.Header
	)
	url := rawServer(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for first := true; ; first = false {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			arrived = append(arrived, r.Header)
			mu.Unlock()
			if !first {
				_ = conn.SetLinger(0) // no answer: the connection is gone
				return
			}
			whole(headOK, tokenJSON)(conn)
		}
	})
	client := newClient(t, url, wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(arrived) != 3 || arrived[1].Get("Ms-Requestid") != arrived[2].Get("Ms-Requestid") || arrived[0].Get("Ms-Requestid") == arrived[1].Get("Ms-Requestid") {
		t.Errorf("%d requests arrived: %v", len(arrived), arrived)
	}
	for _, header := range arrived {
		if _, sent := header["Idempotency-Key"]; sent {
			t.Error("the mark was sent")
		}
	}
}
