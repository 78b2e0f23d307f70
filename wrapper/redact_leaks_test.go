package wrapper_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// leaksNothing makes a call that fails, and checks that neither its error nor the log shows a secret.
func leaksNothing(t *testing.T, call func(opts ...wrapper.Option) error) {
	t.Helper()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err := call(wrapper.WithLogger(logger), quickly())
	e := asError(t, err) // which looks for secrets
	presentable(t, err)
	if left := leftOf(err.Error(), bearer); len(left) >= 12 {
		t.Errorf("%q of the bearer is in %.300v", left, err)
	}
	for i, v := range append(e.Data, e.Description, e.Code, e.Source, e.RequestID, e.CorrelationID) {
		if left := leftOf(fmt.Sprint(v), bearer); len(left) >= 12 {
			t.Errorf("%q of the bearer is in field %d: %.300v", left, i, v)
		}
	}
	if strings.Contains(log.String(), "canary") || len(log.String()) > 20_000 {
		t.Errorf("the log of %d bytes holds a secret or too much: %.2000s", len(log.String()), log.String())
	}
}

func TestError_ShowsNoBearerThatAnAnswerRepeats(t *testing.T) {
	bodies := map[string]string{
		"JSON": `{"code":"%s","description":"%[1]s is not accepted","data":[{"token":"%[1]s","%[1]s":1},"%[1]s"],"source":"%[1]s"}`,
		"XML":  "<e><code>%s</code><description>%[1]s</description><data>%[1]s</data><source>%[1]s</source></e>",
		"text": "the token %s is not accepted", "a page": "<html>Authorization: Bearer %s</html>", "nothing else": "%s", "OAuth": `{"error":"%s","error_description":"%[1]s"}`,
		"a gateway's": `{"statusCode":401,"message":"%s"}`, "JSON that is cut": `{"code":"%s`, "an inner error": `{"error":{"code":"%s","message":"%[1]s"}}`,
	}
	for kind, body := range bodies {
		for name, escape := range escapes {
			t.Run(kind+", "+name, func(t *testing.T) {
				for _, status := range []int{200, 201, 302, 401, 500} {
					leaksNothing(t, func(opts ...wrapper.Option) error {
						a := answer{status: status, body: fmt.Sprintf(body, escape(bearer))}
						_, err := inMemory(t, &script{answers: []answer{a}}, opts...).GenerateToken(t.Context())
						if err == nil {
							t.Fatal("got a token")
						}
						return err
					})
				}
			})
		}
	}
}

func TestError_ShowsNoSecretOfAHeader(t *testing.T) {
	for _, key := range []string{
		"ms-requestid", "ms-correlationid", "Content-Type", "Location", "Retry-After", "WWW-Authenticate", "Content-Encoding", "X-Unknown",
	} {
		for name, value := range map[string]string{
			"the bearer": bearer, "a header": "Bearer " + bearer, "cut": bearer[2:], "a token": `access_token="canary-access-token"`,
			"escaped": eachByte(`%%%02x`)(bearer), "800 kB": strings.Repeat(bearer+" ", 32_000),
		} {
			t.Run(key+", "+name, func(t *testing.T) {
				for _, status := range []int{200, 301, 401, 503} {
					a := answer{status: status, header: map[string]string{key: value}}
					leaksNothing(t, func(opts ...wrapper.Option) error {
						_, err := inMemory(t, &script{answers: []answer{a}}, opts...).GenerateToken(t.Context())
						return err
					})
				}
			})
		}
	}
}

// net/http repeats in its errors what it could not read.
func TestError_ShowsNoSecretOfATransportError(t *testing.T) {
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Token\r\n\r\n1\r\n{\r\n0\r\n"
	for name, raw := range map[string]string{
		"a line that is no HTTP":     "canary " + bearer + "\r\n\r\n",
		"a protocol":                 "HTTP/" + bearer + " 200 OK\r\n\r\n",
		"a status":                   "HTTP/1.1 " + bearer + " OK\r\n\r\n",
		"a header without a colon":   "HTTP/1.1 200 OK\r\nAuthorization Bearer " + bearer + "\r\n\r\n",
		"a header name":              "HTTP/1.1 200 OK\r\n" + bearer + " x: y\r\n\r\n",
		"a Content-Length":           "HTTP/1.1 200 OK\r\nContent-Length: " + bearer + "\r\n\r\n",
		"a Transfer-Encoding":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + bearer + "\r\n\r\n",
		"a chunk's length":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + bearer + "\r\n",
		"a trailer":                  chunked + "Token " + bearer + "\r\n\r\n",
		"a trailer's name":           chunked + bearer + " x: y\r\n\r\n",
		"a Location":                 "HTTP/1.1 302 Found\r\nLocation: http://[" + bearer + "/%zz\r\nContent-Length: 0\r\n\r\n",
		"a line that is the token":   `{"access_token":"canary-access-token"}` + "\r\n\r\n",
		"820 kB that are no HTTP":    strings.Repeat(bearer+" ", 33_000) + "\r\n\r\n",
		"a header of 200 kB, broken": "HTTP/1.1 200 OK\r\nX " + strings.Repeat(bearer, 8000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			url := rawAnswer(t, func(w io.Writer) { _, _ = io.WriteString(w, raw) })
			leaksNothing(t, func(opts ...wrapper.Option) error {
				_, err := newClient(t, url, opts...).GenerateToken(t.Context())
				return err
			})
		})
	}
}

// An HTTP/2 server says goodbye with any bytes it likes.
func TestError_ShowsNoSecretOfAnHTTP2Goodbye(t *testing.T) {
	server := silently(t, nil, nil)
	config := server.TLS.Clone()
	config.NextProtos = []string{"h2"}
	url := "https" + strings.TrimPrefix(rawServer(t, func(raw *net.TCPConn, _ *bufio.Reader) {
		conn := tls.Server(raw, config)
		_, _ = io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
		_, _ = conn.Write(http2Frame(4, 0, nil)) // SETTINGS
		for {
			head := make([]byte, 9)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			_, _ = io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
			if head[3] == 1 { // HEADERS: GOAWAY, with stream 1 taken, an internal error, and what no one should see
				_, _ = conn.Write(http2Frame(7, 0, append([]byte{0, 0, 0, 1, 0, 0, 0, 2}, bearer...)))
				_ = conn.CloseWrite()
			}
		}
	}), "http")
	var says string
	leaksNothing(t, func(opts ...wrapper.Option) error {
		_, err := newClient(t, url, opts...).GenerateToken(t.Context())
		says = err.Error()
		return err
	})
	contains(t, says, "GOAWAY", "REDACTED")
}

func http2Frame(kind, flags byte, payload []byte) []byte {
	return append([]byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}, payload...)
}

// The token may be where the endpoint does not document one.
func TestError_ShowsNoTokenOfAFailure(t *testing.T) {
	const token = "canary-0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0"
	for name, body := range map[string]string{
		"JSON": tokenJSON, "XML": tokenXML,
		"in camel case":          `{"accessToken":"` + token + `"}`,
		"in mixed case":          `{"Access_Token":"` + token + `"}`,
		"in capitals":            `{"ACCESS_TOKEN":"` + token + `"}`,
		"with a hyphen":          `{"access-token":"` + token + `"}`,
		"cut":                    `{"access_token":"` + token,
		"a name that is escaped": `{"acc\u0065ss_token":"` + token + `"`,
		"XML, escaped":           "&lt;access_token&gt;" + token + "&lt;/access_token&gt;",
		"bare":                   token,
		"bare, with a newline":   token + "\r\n",
		"bare, in quotes":        `"` + token + `"`,
		"bare, after a mark":     "\ufeff" + token,
		"bare, escaped":          eachByte(`%%%02x`)(token),
		"a form":                 "access_token=" + token + "&expires_in=3600",
		"in the data":            `{"code":"1","data":[{"accessToken":"` + token + `"},{"a":{"refresh_token":"` + token + `"}},"access_token=` + token + `"]}`,
		"in the description":     `{"code":"1","description":"issued access_token: ` + token + `"}`,
		"in a list":              `[{"access_token":"` + token + `"}]`,
		"after other words":      `ok {"access_token": "` + token + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{201, 206, 302, 400, 403, 500} {
				leaksNothing(t, func(opts ...wrapper.Option) error {
					_, err := inMemory(t, &script{answers: []answer{{status: status, body: body}}}, opts...).GenerateToken(t.Context())
					checkEqual(t, "status", asError(t, err).StatusCode, status)
					return err
				})
			}
		})
	}
}

func TestError_ShowsNoBearerThatATransportNames(t *testing.T) {
	fails := roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("cannot send " + r.Header.Get("Authorization") + " to the proxy")
	})
	leaksNothing(t, func(opts ...wrapper.Option) error {
		_, err := inMemory(t, fails, opts...).GenerateToken(t.Context())
		contains(t, err.Error(), "cannot send Bearer REDACTED to the proxy")
		return err
	})
}
