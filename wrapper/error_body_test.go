package wrapper_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Every field holds what it can, whatever the body is.
func TestError_KeepsWhatTheServiceSaid(t *testing.T) {
	documented := wrapper.Error{Code: "2032", Description: "Access denied.", Source: "PartnerFD"}
	withData := documented
	withData.Data = []any{"a", "b"}
	described := func(text string) wrapper.Error { return wrapper.Error{Description: text} }
	const page = "<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body><hr></body></html>"
	pageLine := described(strings.ReplaceAll(page, "\n", " "))
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
		"JSON in other case": {
			contentType: "text/json", body: `{"Code":"2032","Description":"Access denied.","Source":"PartnerFD"}`,
			want: documented,
		},
		"JSON with members of other types": {
			contentType: "application/json", body: `{"code":"2032","description":"Access denied.","data":"none","source":7}`,
			want: wrapper.Error{Code: "2032", Description: "Access denied."},
		},
		"a code that is an object":    {body: `{"code":{"a":1},"description":"no"}`, want: described("no")},
		"a code that is a list":       {body: `{"code":["1"],"description":"no"}`, want: described("no")},
		"a code that is true":         {body: `{"code":true,"description":"no"}`, want: described("no")},
		"a code that is null":         {body: `{"code":null,"description":"no"}`, want: described("no")},
		"JSON of a gateway":           {body: `{"statusCode":429,"message":"Try again in 57 seconds."}`, want: described("Try again in 57 seconds.")},
		"an error of OAuth":           {body: `{"error":"invalid_token","error_description":"It is no token."}`, want: wrapper.Error{Code: "invalid_token", Description: "It is no token."}},
		"an error within an error":    {body: `{"error":{"code":"InvalidToken","message":"It is no token."}}`, want: wrapper.Error{Code: "InvalidToken", Description: "It is no token."}},
		"a number within an error":    {body: `{"error":{"code":2032,"message":"no"}}`, want: wrapper.Error{Code: "2032", Description: "no"}},
		"documented, and a gateway's": {body: `{"code":"1","description":"first","message":"second","error":{"code":"2","message":"third"}}`, want: wrapper.Error{Code: "1", Description: "first"}},
		"no data":                     {body: `{"code":"1","data":[]}`, want: wrapper.Error{Code: "1"}},
		"data of all kinds":           {body: `{"code":"1","data":[1,true,null,{"a":["b"]}]}`, want: wrapper.Error{Code: "1", Data: []any{1.0, true, nil, map[string]any{"a": []any{"b"}}}}},
		"JSON that says it is HTML":   {contentType: "text/html", body: `{"code":"2032","description":"Access denied.","source":"PartnerFD"}`, want: documented},
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
		"HTML":                         {contentType: "text/html", body: page, want: pageLine},
		"HTML that says it is JSON":    {contentType: "application/json", body: page, want: pageLine},
		"plain text of many lines":     {contentType: "text/plain", body: "no\n\n\x1b[31mway\x00\n", want: described("no [31mway")},
		"nothing":                      {contentType: "application/json"},
		"nothing, not even a type":     {},
		"white space":                  {body: " \r\n "},
		"an empty object":              {body: "{}", want: described("{}")},
		"JSON that is cut off":         {contentType: "application/json", body: `{"code":"2032","des`, want: described(`{"code":"2032","des`)},
		"a connection that broke off":  {contentType: "application/json", body: `{"code":"2032","des`, length: 900, want: wrapper.Error{Description: `{"code":"2032","des`, Err: io.ErrUnexpectedEOF}},
		"XML that broke off":           {contentType: "application/xml", body: `<Error><code>2032</code><descr`, length: 900, want: wrapper.Error{Code: "2032", Err: io.ErrUnexpectedEOF}},
		"more than anybody would read": {contentType: "text/plain", body: strings.Repeat("a", 1000), want: described(strings.Repeat("a", 200) + "…")},
	}
	for _, status := range []int{302, 400, 401, 403, 404, 429, 500, 503} {
		for name, test := range bodies {
			t.Run(fmt.Sprintf("%d/%s", status, name), func(t *testing.T) {
				s := &script{answers: []answer{{
					status: status, contentType: test.contentType, body: test.body, length: test.length,
					header: map[string]string{"Retry-After": "120", "MS-RequestId": "their-request", "MS-CorrelationId": "their-correlation"},
				}}}
				var client *wrapper.Client
				if test.length > 0 { // which a socket alone can break off
					client = onSocket(t, s, once())
				} else {
					client = inMemory(t, s, once())
				}
				_, err := client.GenerateToken(t.Context())
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
				contains(t, err.Error(), fmt.Sprint(status), want.Code, "their-request", "their-correlation", "attempts 1", "2m0s")
				presentable(t, err)
			})
		}
	}
}

// WWW-Authenticate has the reason of a 401 whose body is empty.
func TestError_HasTheReasonOfAnEmpty401(t *testing.T) {
	const reason = `Bearer error="invalid_token", error_description="The audience is invalid"`
	tests := map[string]struct{ body, want string }{
		"empty":       {"", reason},
		"white space": {"\r\n", reason},
		"documented":  {`{"code":"1","description":"no"}`, "no"},
		"a code":      {`{"code":"1"}`, ""},
		"a page":      {"<html>no</html>", "<html>no</html>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{{status: 401, body: test.body, header: map[string]string{"WWW-Authenticate": reason}}}}
			_, err := inMemory(t, s).GenerateToken(t.Context())
			checkEqual(t, "description", asError(t, err).Description, test.want)
		})
	}
}

func TestError_KeepsABoundedPartOfTheData(t *testing.T) {
	tests := map[string]string{
		"a long list":       `[` + strings.Repeat(`"x",`, 1000) + `"x"]`,
		"a wide object":     `[{` + manyMembers(1000) + `"z":1}]`,
		"many in one":       `[` + strings.Repeat(`[1,2,3],`, 1000) + `1]`,
		"deep":              `[` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `]`,
		"a long text":       `["` + strings.Repeat("word ", 10_000) + `"]`,
		"a long name":       `[{"` + strings.Repeat("name ", 10_000) + `":1}]`,
		"deep, and a width": strings.Repeat(`[{"a":1,"b":`, 100) + `1` + strings.Repeat(`}]`, 100),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{{status: 400, body: `{"code":"1","data":` + data + `}`}}}
			_, err := inMemory(t, s).GenerateToken(t.Context())
			e := asError(t, err)
			count, bytes := sizeOf(e.Data)
			if count == 0 || count > 65 { // with the list itself
				t.Errorf("kept %d values", count)
			}
			if bytes > 2<<10 {
				t.Errorf("kept %d bytes of text", bytes)
			}
		})
	}
}

func TestError_KeepsABoundedPartOfTheDataOfXML(t *testing.T) {
	body := "<e><code>1</code>" + strings.Repeat("<data>x</data>", 200) + "<data>" + strings.Repeat("word ", 1000) + "</data></e>"
	long := "<e><code>1</code><data>" + strings.Repeat("word ", 1000) + "</data></e>"
	for _, body := range []string{body, long} {
		_, err := inMemory(t, &script{answers: []answer{{status: 400, body: body}}}).GenerateToken(t.Context())
		count, bytes := sizeOf(asError(t, err).Data)
		if count < 2 || count > 65 || bytes > 2<<10 {
			t.Errorf("kept %d values and %d bytes of text", count, bytes)
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String()
}

// sizeOf counts the values in one, and the bytes of the texts.
func sizeOf(v any) (count, bytes int) {
	add := func(v any) {
		c, b := sizeOf(v)
		count, bytes = count+c, bytes+b
	}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			add(element)
		}
	case map[string]any:
		for name, member := range v {
			bytes += len(name)
			add(member)
		}
	case string:
		bytes = len(v)
	}
	return count + 1, bytes
}

func TestError_OfA200SaysThatThereIsNoToken(t *testing.T) {
	for name, a := range map[string]answer{
		"HTML":                      {contentType: "text/html", body: "<html>canary: sign in</html>"},
		"empty":                     {contentType: "application/json"},
		"not JSON":                  {contentType: "application/json", body: "canary"},
		"cut off":                   {contentType: "application/json", body: tokenJSON[:30]},
		"another object":            {contentType: "application/json", body: `{"token":"canary"}`},
		"an empty token":            {contentType: "application/json", body: `{"access_token":""}`},
		"a lifetime that is none":   {contentType: "application/json", body: `{"access_token":"canary","expires_in":"canary"}`},
		"a token with a line break": {contentType: "application/json", body: `{"access_token":"canary\r\nX-Other: 1"}`},
		"a token with a space":      {contentType: "application/json", body: `{"access_token":"canary token"}`},
		"an array":                  {contentType: "application/json", body: `["canary"]`},
		"other XML":                 {contentType: "application/xml", body: "<a>canary</a>"},
	} {
		t.Run(name, func(t *testing.T) {
			a.status = 200
			_, err := inMemory(t, &script{answers: []answer{a}}).GenerateToken(t.Context())
			e := asError(t, err)
			checkEqual(t, "status", e.StatusCode, 200)
			checkEqual(t, "attempts", e.Attempts, 1)
			contains(t, err.Error(), "no usable access token", fmt.Sprintf("%d bytes of %q", len(a.body), a.contentType))
			wantKind(t, err, wrapper.ErrServer)
		})
	}
}

func TestError_OfAnotherSuccessShowsNothingOfItsBody(t *testing.T) {
	for _, status := range []int{201, 202, 204, 206, 299} {
		_, err := inMemory(t, &script{answers: []answer{{status: status, body: "canary"}}}).GenerateToken(t.Context())
		checkEqual(t, "status", asError(t, err).StatusCode, status)
		wantKind(t, err, wrapper.ErrServer)
	}
}
