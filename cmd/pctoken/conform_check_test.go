package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestConform_FindsEachDeviation(t *testing.T) {
	isToken := func(a *httptest.ResponseRecorder) bool { return a.Code == 200 }
	isError := func(a *httptest.ResponseRecorder) bool { return a.Code >= 400 }
	every := func(*httptest.ResponseRecorder) bool { return true }
	set := func(name, value string) func(*httptest.ResponseRecorder) {
		return func(a *httptest.ResponseRecorder) { a.Header().Set(name, value) }
	}
	body := func(pattern, replacement string) func(*httptest.ResponseRecorder) {
		return func(a *httptest.ResponseRecorder) { rewrite(a, pattern, replacement) }
	}
	for name, test := range map[string]struct {
		which  func(*httptest.ResponseRecorder) bool
		accept string // which answers: those of these media types, "" for all
		alter  func(*httptest.ResponseRecorder)
		place  string // where each of them has to be found to deviate
	}{
		"no MS-RequestId":          {every, "", func(a *httptest.ResponseRecorder) { a.Header().Del("MS-RequestId") }, "header MS-RequestId"},
		"no MS-CorrelationId":      {every, "", func(a *httptest.ResponseRecorder) { a.Header().Del("MS-CorrelationId") }, "header MS-CorrelationId"},
		"a number for the code":    {isError, "json", body(`"code":"(\d+)"`, `"code":$1`), "/code"},
		"null for the code":        {isError, "json", body(`"code":"\d+"`, `"code":null`), "/code"},
		"no code":                  {isError, "json", body(`"code":"\d+",`, ``), "/code"},
		"no code in XML":           {isError, "xml", body(`<code>\d+</code>`, ``), "/code"},
		"no source":                {isError, "json", body(`,"source":"emulator"`, ``), "/source"},
		"an empty description":     {isError, "json", body(`"description":"(?:[^"\\]|\\.)*"`, `"description":""`), "/description"},
		"a description of 1025":    {isError, "json", body(`"description":"(?:[^"\\]|\\.)*"`, `"description":"`+strings.Repeat("d", 1025)+`"`), "/description"},
		"data that is no list":     {isError, "json", body(`^\{`, `{"data":"some",`), "/data"},
		"no token":                 {isToken, "json", body(`"access_token":"\w+",`, ``), "/access_token"},
		"a number for the token":   {isToken, "json", body(`"access_token":"\w+"`, `"access_token":1`), "/access_token"},
		"a number for the type":    {isToken, "json", body(`"bearer"`, `1`), "/token_type"},
		"a lifetime in words":      {isToken, "json", body(`3600`, `"an hour"`), "/expires_in"},
		"half a second":            {isToken, "json", body(`3600`, `3600.5`), "/expires_in"},
		"elements of another name": {isToken, "xml", body(`access_token>`, `AccessToken>`), "/access_token"},
		"a list for a body":        {isToken, "json", body(`(?s)^(.*)$`, `[$1]`), "/"},
		"half a body":              {every, "json", body(`(?s)^(.{9}).*$`, `$1`), "body"},
		"half a body of XML":       {every, "xml", body(`(?s)^(.{9}).*$`, `$1`), "body"},
		"no body":                  {every, "json", body(`(?s)^.*$`, ``), "body"},
		"HTML": {every, "", func(a *httptest.ResponseRecorder) {
			set("Content-Type", "text/html")(a)
			rewrite(a, `(?s)^.*$`, "<html>")
		}, "header Content-Type"},
		"another media type":         {every, "xml", set("Content-Type", "application/json"), "header Content-Type"},
		"no media type":              {every, "", func(a *httptest.ResponseRecorder) { a.Header()["Content-Type"] = []string{""} }, "header Content-Type"},
		"201 for 200":                {isToken, "", func(a *httptest.ResponseRecorder) { a.Code = 201 }, "status"},
		"500 for a token":            {isToken, "", func(a *httptest.ResponseRecorder) { a.Code = 500 }, "status"},
		"a refusal as 200":           {isError, "", func(a *httptest.ResponseRecorder) { a.Code = 200 }, "status"},
		"418 for a refusal":          {isError, "", func(a *httptest.ResponseRecorder) { a.Code = 418 }, "status"},
		"a redirect":                 {isToken, "", func(a *httptest.ResponseRecorder) { set("Location", "/elsewhere")(a); a.Code = 307 }, "status"},
		"a megabyte and more":        {isError, "json", body(`$`, strings.Repeat(" ", mostBody)), "body"},
		"connections that break off": {isError, "", func(*httptest.ResponseRecorder) { panic(http.ErrAbortHandler) }, "answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var all []bool // by request: whether it was altered
			url := altered(t, func(r *http.Request, a *httptest.ResponseRecorder) {
				alters := test.which(a) && strings.Contains(a.Header().Get("Content-Type"), test.accept)
				mu.Lock()
				all = append(all, alters)
				mu.Unlock()
				if alters {
					test.alter(a)
				}
			})
			report, stdout, stderr, code := conform(t, url, enough...)
			mu.Lock()
			defer mu.Unlock()
			if code != exitOther && name != "connections that break off" {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			found := 0
			for i, one := range report.Cells {
				places := func(place string) bool {
					return slices.ContainsFunc(one.Deviations, func(d deviation) bool { return d.Place == place })
				}
				if all[i] && places(test.place) {
					found++
				}
				if all[i] != (len(one.Deviations) > 0) {
					t.Errorf("%s to %s, %d: altered: %t, deviations: %v", one.Purpose, one.ResponseType, one.Status, all[i], one.Deviations)
				} else if all[i] && !places(test.place) {
					t.Errorf("%s to %s, %d deviates in %v, want %s", one.Purpose, one.ResponseType, one.Status, one.Deviations, test.place)
				}
			}
			if found == 0 {
				t.Errorf("found nothing:\n%s", stdout)
			}
			if !strings.Contains(stdout, "DEVIATIONS") || !strings.Contains(stdout, "\n"+test.place+"  ") {
				t.Errorf("printed\n%s", stdout)
			}
		})
	}
}
