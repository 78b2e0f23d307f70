package wrapper_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// answering returns a client whose only attempt gets this answer.
func answering(tb testing.TB, a answer) *wrapper.Client {
	tb.Helper()
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer),
		wrapper.WithHTTPClient(&http.Client{Transport: &script{answers: []answer{a}}}), wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

var mediaTypes = []string{"application/json", "text/json", "application/xml; charset=utf-8", "text/xml", "text/html", ""}

func FuzzToken(f *testing.F) {
	for _, mediaType := range mediaTypes {
		for _, body := range []string{
			tokenJSON, tokenXML, "", "null", `{"access_token":"a\u0000b"}`, `{"access_token":"a","expires_in":"3600"}`,
			`{"access_token":"a","expires_in":-1}`, `{"access_token":"a","expires_in":1e308}`, `{"access_token":{}}`,
			`{"access_token":"a","access_token":""}`, strings.Repeat("[", 100), `<a><access_token>&x;</access_token></a>`,
			"\xff\xfe", `<!DOCTYPE a [<!ENTITY x "y">]><a><access_token>&x;</access_token></a>`,
		} {
			f.Add(mediaType, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, mediaType string, body []byte) {
		before := time.Now()
		token, err := answering(t, answer{status: 200, contentType: mediaType, body: string(body)}).GenerateToken(t.Context())
		if err != nil {
			if token != nil || !errors.Is(err, wrapper.ErrServer) {
				t.Errorf("got %v, %v", token, err)
			}
			presentable(t, err)
			return
		}
		if token.AccessToken == "" || strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("the token cannot be sent: %q", token.AccessToken)
		}
		if !token.ExpiresAt.IsZero() && token.ExpiresAt.Before(before.Truncate(time.Second)) {
			t.Errorf("the token expires at %s", token.ExpiresAt)
		}
	})
}

func FuzzError(f *testing.F) {
	for _, mediaType := range mediaTypes {
		for _, body := range []string{
			`{"code":"900420","description":"no","source":"s","data":[1,{"a":null}]}`, `{"code":900420,"description":7}`,
			`{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}`,
			`<e xmlns="u"><code>1</code><description>no</description><data>a</data><data>b</data></e>`,
			"<html><h1>502 Bad Gateway</h1></html>", "", "\x00\xff", "{", "<", "the bearer is " + bearer, "\ufeff{}",
		} {
			f.Add(401, mediaType, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, mediaType string, body []byte) {
		status = 300 + (status%300+300)%300
		_, err := answering(t, answer{status: status, contentType: mediaType, body: string(body)}).GenerateToken(t.Context())
		var e *wrapper.Error
		if !errors.As(err, &e) || e.StatusCode != status || e.Attempts != 1 {
			t.Fatalf("got %v", err)
		}
		presentable(t, err)
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{
		"", "0", "1", "-1", "+1", "1.5", "1e20", "99999999999999999999", "0x10", " 7 ", "Thu, 01 Jan 1970 00:00:00 GMT",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "soon", "\x00",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, err := answering(t, failing(429, value)).GenerateToken(t.Context())
		var e *wrapper.Error
		if !errors.As(err, &e) || e.RetryAfter < 0 {
			t.Fatalf("got %v", err)
		}
		presentable(t, err)
	})
}

func FuzzBaseURL(f *testing.F) {
	for _, value := range []string{
		"https://api.partnercenter.microsoft.com", "https://host.example/a/b?c#d", "http://127.0.0.1:8080", "http://host.example",
		"http://[::1]/", "http://localhost", "https://user:canary-password@host.example", "//host", "host", "https:opaque", "https://",
		"https://h%00st", "https://host:port", "http://localhost.evil.example", "http://0x7f.1", "https://a b", "http://127.0.0.1@evil.example",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, baseURL string) {
		s := &script{answers: []answer{ok()}}
		var sent *http.Request
		client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(baseURL), wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}),
			wrapper.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				sent = r
				return s.RoundTrip(r)
			})}))
		if err != nil {
			if strings.Contains(baseURL, "canary-password@") && strings.Contains(err.Error(), "canary-password") {
				t.Errorf("the password is in %q", err)
			}
			return
		}
		if _, err := client.GenerateToken(t.Context()); err != nil {
			presentable(t, err)
			return
		}
		host := sent.URL.Hostname()
		ip := net.ParseIP(host)
		loopback := host == "localhost" || ip != nil && ip.IsLoopback()
		if sent.URL.User != nil || host == "" || sent.URL.Scheme != "https" && (sent.URL.Scheme != "http" || !loopback) ||
			!strings.HasSuffix(sent.URL.Path, "/v3/generatetoken") || sent.URL.RawQuery != "" {
			t.Errorf("%q was sent to %q", baseURL, sent.URL)
		}
	})
}

func FuzzBearer(f *testing.F) {
	for _, value := range []string{
		bearer, bearer + "\n", bearer + "\r\n", "\n" + bearer, bearer + "\nX-Injected: 1", "", " ", "a b", "a\x00", "é", "\xff", "Bearer " + bearer, "a\x7f",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := &script{answers: []answer{ok()}}
		client, err := wrapper.NewClient(func(context.Context) (string, error) { return value, nil },
			wrapper.WithHTTPClient(&http.Client{Transport: s}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.GenerateToken(t.Context())
		if err != nil {
			if !errors.Is(err, wrapper.ErrInvalidBearer) || len(s.seen()) != 0 {
				t.Errorf("%q: %v after %d requests", value, err, len(s.seen()))
			}
			if len(value) >= 8 && strings.Contains(err.Error(), value) {
				t.Errorf("the bearer is in %q", err)
			}
			return
		}
		sent := s.seen()[0].header["Authorization"]
		if len(sent) != 1 || !strings.HasPrefix(sent[0], "Bearer ") ||
			strings.ContainsFunc(sent[0][len("Bearer "):], func(r rune) bool { return r <= ' ' || r >= 0x7f }) ||
			strings.TrimRight(value, "\r\n") != sent[0][len("Bearer "):] {
			t.Errorf("%q was sent as %q", value, sent)
		}
	})
}

// A secret of any text is found in any escaped form of it, wherever it stands.
func FuzzRedact(f *testing.F) {
	var names []string
	for name := range escapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		f.Add("the token ", bearer, " is not valid", i)
		f.Add(`{"code":"1","description":"`, "MnqLx7.Yt_4kZ~p+W/3hQ==", `"}`, i)
		f.Add("<a>&#", "a&b%41;c\\u0041", ";</a>%", i)
		f.Add("0", "\\u000000\\u00a000", "0", i)
	}
	f.Fuzz(func(t *testing.T, before, secret, after string, form int) {
		secret = strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' {
				return -1 // no bearer has it
			}
			return r
		}, secret)
		if len(secret) < 16 || len(before)+len(after)+24*len(secret) > 16<<10 {
			return // a word, or beyond what is looked at
		}
		if strings.ContainsAny(secret, `\%&<]`) { // what no bearer has; with what stands beside it, it could make an escape
			before, after = before+"|", "|"+after
		}
		text := before + escapes[names[(form%len(names)+len(names))%len(names)]](secret) + after
		got := wrapper.Redact(text, secret)
		if len(got) > 1<<10+len("…") || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", got)
		}
		// The sign and what stands beside it may have a part in common with it by chance.
		if left := leftOf(strings.ReplaceAll(got, "REDACTED", " "), secret); len(left) >= 12 {
			t.Errorf("%q is left of %q in %q, which was %q", left, secret, got, text)
		}
	})
}
