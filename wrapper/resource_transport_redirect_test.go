package wrapper_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestTransport_KeepsTheTokenFromWhereARedirectLeads(t *testing.T) {
	const start = "https://a.example/start"
	tests := map[string]struct {
		hops  []string
		token []bool
	}{
		"nowhere else":              {[]string{"/next", "https://a.example/again"}, []bool{true, true, true}},
		"another host":              {[]string{"https://evil.example/"}, []bool{true, false}},
		"another host, no scheme":   {[]string{"//evil.example/"}, []bool{true, false}},
		"another host and back":     {[]string{"https://evil.example/", start}, []bool{true, false, true}},
		"another named host":        {[]string{"https://b.example:8443/"}, []bool{true, true}},
		"a named host, other port":  {[]string{"https://b.example/"}, []bool{true, false}},
		"another port":              {[]string{"https://a.example:8443/"}, []bool{true, false}},
		"another port and back":     {[]string{"https://a.example:8443/", start}, []bool{true, false, true}},
		"a host below":              {[]string{"https://b.a.example/"}, []bool{true, false}},
		"a host above":              {[]string{"https://example/"}, []bool{true, false}},
		"from https to http":        {[]string{"http://a.example/"}, []bool{true, false}},
		"to http and back":          {[]string{"http://a.example/", start}, []bool{true, false, true}},
		"to http on https's port":   {[]string{"http://a.example:8080/"}, []bool{true, false}},
		"loopback":                  {[]string{"http://127.0.0.1:8080/"}, []bool{true, false}},
		"loopback by name":          {[]string{"http://localhost:8080/"}, []bool{true, true}},
		"user info":                 {[]string{"https://a.example@evil.example/"}, []bool{true, false}},
		"from elsewhere to nowhere": {[]string{"https://evil.example/", "https://worse.example/"}, []bool{true, false, false}},
	}
	for name, test := range tests {
		for protocol, http2 := range protocols {
			for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
				t.Run(fmt.Sprint(name, " ", protocol, " ", status), func(t *testing.T) {
					n := newNetwork(t, http2)
					n.status, n.redirects = status, test.hops
					client := &http.Client{Transport: wrapper.NewTransport(source(t, &issuer{}), n.base, "a.example", "b.example:8443", "localhost")}
					resp, err := client.Post(start, "text/plain", strings.NewReader("canary"))
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					if !slices.Equal(n.token, test.token) {
						t.Errorf("%v: with the token %v, want %v", n.went, n.token, test.token)
					}
					if http2 != strings.HasPrefix(n.went[0], "https/2.0") {
						t.Errorf("it went by %v", n.went)
					}
				})
			}
		}
	}
}
