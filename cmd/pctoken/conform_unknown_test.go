package main

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestConform_AnswersWhatNoPageSays(t *testing.T) {
	isXML := func(a *httptest.ResponseRecorder) bool {
		return strings.HasSuffix(a.Header().Get("Content-Type"), "xml")
	}
	for name, test := range map[string]struct {
		alter    func(r *http.Request, a *httptest.ResponseRecorder)
		question string
		want     []string
	}{
		"names of XML": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			if isXML(a) {
				rewrite(a, `AccessToken>`, `Token xmlns="urn:pc">`)
				rewrite(a, `</Token xmlns="urn:pc">`, `</Token>`)
			}
		}, "XML elements of a token", []string{"Token (access_token, expires_in, token_type), namespace urn:pc"}},
		"names of an error in XML": {func(*http.Request, *httptest.ResponseRecorder) {}, "XML elements of an error",
			[]string{"Error (code, description, source), no namespace"}},
		"a lifetime in digits": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			if !isXML(a) {
				rewrite(a, `3600`, `"3600"`)
			}
		}, "type of expires_in in JSON", []string{"string"}},
		"no lifetime": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `"expires_in":3600,`, ``)
		}, "type of expires_in in JSON", []string{"missing"}},
		"a number for the code": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `"code":"(\d+)"`, `"code":$1`)
		}, "type of code in JSON", []string{"number"}},
		"details of an error": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code >= 400 && !isXML(a) {
				rewrite(a, `^\{`, `{"data":[{"a":1}],`)
			}
		}, "type of data in JSON", []string{"array"}},
		"codes": {func(*http.Request, *httptest.ResponseRecorder) {}, "code of an error, by status",
			[]string{"400: 800002", "401: 800001", "404: 404"}},
		"further members": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code == 200 && !isXML(a) {
				rewrite(a, `^\{`, `{"resource":"any",`)
			}
		}, "members of a token in JSON", []string{"access_token, expires_in, resource, token_type"}},
		"a header": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			clear(a.Header())
			a.Header()["Date"] = nil
			a.Header().Set("X-Served-By", "any")
		}, "headers of an answer", []string{"Content-Length", "Content-Type", "X-Served-By"}},
		"ids of the service's own": {func(_ *http.Request, a *httptest.ResponseRecorder) {
			a.Header().Set("MS-RequestId", "another")
		}, "ids of an answer", []string{"not the request's", "the service's own, where the request has none"}},
		"no ids where there were none": {func(r *http.Request, a *httptest.ResponseRecorder) {
			if r.Header.Get("ms-requestid") == "" {
				a.Header().Del("MS-RequestId")
			}
		}, "ids of an answer", []string{"not both, where the request has none", "the request's"}},
		"the same token": {func(*http.Request, *httptest.ResponseRecorder) {}, "a request id once more", []string{"the same token"}},
		"another token": {func() func(r *http.Request, a *httptest.ResponseRecorder) {
			n := 0
			return func(_ *http.Request, a *httptest.ResponseRecorder) {
				n++
				rewrite(a, `"access_token":"`, `"access_token":"`+strings.Repeat("x", n))
			}
		}(), "a request id once more", []string{"another token"}},
		"a conflict": {func() func(r *http.Request, a *httptest.ResponseRecorder) {
			seen := map[string]bool{}
			return func(r *http.Request, a *httptest.ResponseRecorder) {
				id := r.Header.Get("ms-requestid")
				if seen[id] && id != "" {
					a.Code = http.StatusConflict
				}
				seen[id] = true
			}
		}(), "a request id once more", []string{"status 409"}},
		"MFA not looked at": {func(*http.Request, *httptest.ResponseRecorder) {}, "ValidateMfa: true", []string{"no header isMfaCompliant"}},
		"MFA looked at": {func(r *http.Request, a *httptest.ResponseRecorder) {
			if r.Header.Get("ValidateMfa") == "true" {
				a.Header().Set("isMfaCompliant", "False")
			}
		}, "ValidateMfa: true", []string{"isMfaCompliant: false"}},
	} {
		t.Run(name, func(t *testing.T) {
			report, stdout, _, _ := conform(t, altered(t, test.alter), enough...)
			i := slices.IndexFunc(report.Unknowns, func(u unknown) bool { return u.Question == test.question })
			if i < 0 {
				t.Fatalf("the report has no %q", test.question)
			}
			if got := slices.Sorted(maps.Keys(report.Unknowns[i].Answers)); !slices.Equal(got, test.want) {
				t.Errorf("%s: got %q, want %q", test.question, got, test.want)
			}
			for _, answer := range test.want {
				if !strings.Contains(stdout, answer) {
					t.Errorf("%q is not in what was printed:\n%s", answer, stdout)
				}
			}
		})
	}
}

// A service may repeat the bearer and its tokens wherever it likes. conform looks for them in all that it writes.
func TestConform_ShowsNoSecretThatAServiceRepeats(t *testing.T) {
	for name, alter := range map[string]func(*http.Request, *httptest.ResponseRecorder){
		"as a code": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `"code":"\d+"`, `"code":"`+canary+`"`)
		},
		"as part of a code": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `"code":"\d+"`, `"code":"`+canary[:13]+`"`)
		},
		"as a member":         func(_ *http.Request, a *httptest.ResponseRecorder) { rewrite(a, `^\{`, `{"`+canary+`":1,`) },
		"as the Content-Type": func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Set("Content-Type", "text/"+canary) },
		"as a header":         func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Set("Canary.bearer.0123456789", "1") },
		"as an id":            func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Set("MS-RequestId", canary) },
		"as isMfaCompliant":   func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Set("isMfaCompliant", canary) },
		"as an element":       func(_ *http.Request, a *httptest.ResponseRecorder) { rewrite(a, `code>`, canary+`>`) },
		"as a namespace": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `<Error>`, `<Error xmlns="`+canary+`">`)
		},
		"as a page": func(_ *http.Request, a *httptest.ResponseRecorder) { a.Body = bytes.NewBufferString(canary) },
		"as the description": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `"description":"`, `"description":"`+canary)
		},
		"a token as its type": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `("access_token":("\w+").*)"bearer"`, `$1$2`)
		},
		"a token as a member": func(_ *http.Request, a *httptest.ResponseRecorder) { rewrite(a, `("access_token":("\w+"))`, `$1,$2:1`) },
		"a token with a 418":  func(_ *http.Request, a *httptest.ResponseRecorder) { a.Code = http.StatusTeapot },
		"a token as plain XML": func(_ *http.Request, a *httptest.ResponseRecorder) {
			rewrite(a, `access_token>(\w+)<`, `access_token><$1/><`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			conform(t, altered(t, alter), enough...) // which looks for secrets in all of it
		})
	}
}
