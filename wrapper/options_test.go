package wrapper_test

import (
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestOptions_RefuseWhatCannotWork(t *testing.T) {
	tests := map[string]struct {
		opt  wrapper.Option
		want []string
	}{
		"no URL":                  {wrapper.WithBaseURL("https://a b"), []string{"WithBaseURL", "no URL"}},
		"empty URL":               {wrapper.WithBaseURL(""), []string{"WithBaseURL", `""`, "absolute"}},
		"URL without scheme":      {wrapper.WithBaseURL("service.example"), []string{"WithBaseURL", "service.example", "absolute"}},
		"URL without host":        {wrapper.WithBaseURL("https:///x"), []string{"WithBaseURL", "https:///x", "absolute"}},
		"URL with port alone":     {wrapper.WithBaseURL("https://:443"), []string{"WithBaseURL", "https://:443", "absolute"}},
		"another scheme":          {wrapper.WithBaseURL("ftp://service.example"), []string{"WithBaseURL", "ftp://service.example"}},
		"http to a real host":     {wrapper.WithBaseURL("http://service.example"), []string{"WithBaseURL", "http://service.example", "clear"}},
		"http to a private host":  {wrapper.WithBaseURL("http://10.0.0.1"), []string{"WithBaseURL", "http://10.0.0.1", "clear"}},
		"http to localhost.evil":  {wrapper.WithBaseURL("http://localhost.evil.example"), []string{"clear"}},
		"http to evil-localhost":  {wrapper.WithBaseURL("http://evil-localhost"), []string{"clear"}},
		"http to evil.localhost":  {wrapper.WithBaseURL("http://evil.localhost"), []string{"clear"}},
		"http to 127.0.0.1.evil":  {wrapper.WithBaseURL("http://127.0.0.1.evil.example"), []string{"clear"}},
		"http to any address":     {wrapper.WithBaseURL("http://0.0.0.0"), []string{"clear"}},
		"http to any IPv6":        {wrapper.WithBaseURL("http://[::]"), []string{"clear"}},
		"http, in capitals":       {wrapper.WithBaseURL("HTTP://service.example"), []string{"clear"}},
		"URL with user info":      {wrapper.WithBaseURL("https://canary:canary@service.example"), []string{"WithBaseURL", "service.example", "user info"}},
		"user without password":   {wrapper.WithBaseURL("https://canary@service.example"), []string{"WithBaseURL", "service.example", "user info"}},
		"no scheme, with secret":  {wrapper.WithBaseURL("canary:canary@service.example"), []string{"WithBaseURL"}},
		"opaque, with secret":     {wrapper.WithBaseURL("https:user:canary"), []string{"WithBaseURL", "absolute"}},
		"user for a scheme":       {wrapper.WithBaseURL("user:canary"), []string{"WithBaseURL", "absolute"}},
		"unparsable, with secret": {wrapper.WithBaseURL("https://user:canary@service.example:x"), []string{"WithBaseURL", "no URL"}},
		"URL with a query":        {wrapper.WithBaseURL("https://service.example?key=canary"), []string{"WithBaseURL", "https://service.example", "query"}},
		"URL with an empty query": {wrapper.WithBaseURL("https://service.example/?"), []string{"WithBaseURL", "query"}},
		"URL with a fragment":     {wrapper.WithBaseURL("https://service.example#canary"), []string{"WithBaseURL", "fragment"}},
		"nil http.Client":         {wrapper.WithHTTPClient(nil), []string{"WithHTTPClient", "nil"}},
		"nil logger":              {wrapper.WithLogger(nil), []string{"WithLogger", "nil"}},
		"negative delay":          {wrapper.WithRetry(wrapper.Retry{Delay: -time.Second}), []string{"WithRetry", "Delay", "-1s"}},
		"negative longest delay":  {wrapper.WithRetry(wrapper.Retry{MaxDelay: -time.Second}), []string{"WithRetry", "MaxDelay", "-1s"}},
		"negative timeout":        {wrapper.WithRetry(wrapper.Retry{AttemptTimeout: -1}), []string{"WithRetry", "AttemptTimeout", "-1ns"}},
		"a success to retry":      {wrapper.WithRetry(wrapper.Retry{StatusCodes: []int{500, 200}}), []string{"WithRetry", "200"}},
		"a redirect to retry":     {wrapper.WithRetry(wrapper.Retry{StatusCodes: []int{399}}), []string{"WithRetry", "399"}},
		"a status of 600":         {wrapper.WithRetry(wrapper.Retry{StatusCodes: []int{600}}), []string{"WithRetry", "600"}},
		"unknown media type":      {wrapper.WithMediaType("text/plain"), []string{"WithMediaType", "text/plain", "application/json"}},
		"unknown accepted type":   {wrapper.WithAccept("text/plain"), []string{"WithAccept", "text/plain", "application/json"}},
		"form as accepted type":   {wrapper.WithAccept(wrapper.MediaTypeForm), []string{"WithAccept", string(wrapper.MediaTypeForm)}},
		"line break in a header":  {wrapper.WithApplication("a\r\nb"), []string{"WithApplication", `a\r\nb`}},
		"DEL in a header":         {wrapper.WithApplication("a\x7fb"), []string{"WithApplication", `a\x7fb`}},
		"empty header":            {wrapper.WithApplication(""), []string{"WithApplication"}},
		"blank header":            {wrapper.WithUserAgent(" "), []string{"WithUserAgent"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), test.opt)
			if err == nil || client != nil {
				t.Fatalf("got %v, %v", client, err)
			}
			contains(t, err.Error(), test.want...)
			withoutSecrets(t, err)
		})
	}
}

func TestOptions_AreAllNamedThatAreWrong(t *testing.T) {
	_, err := wrapper.NewClient(nil, wrapper.WithBaseURL("ftp://x"), wrapper.WithAccept("x"))
	if err == nil {
		t.Fatal("got a client")
	}
	contains(t, err.Error(), "NewClient(nil)", "WithBaseURL", "WithAccept")
}

func TestOptions_TakeBaseURLs(t *testing.T) {
	for _, baseURL := range []string{
		gen.ServerGlobal, gen.ServerChina, "https://service.example/", "https://gateway.example/partner-center", "HTTPS://service.example",
		"http://localhost:8080", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:8080",
	} {
		if _, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(baseURL)); err != nil {
			t.Error(err)
		}
	}
}

func TestOptions_TakeWhatIsAtTheLimit(t *testing.T) {
	for name, opt := range map[string]wrapper.Option{
		"statuses":        wrapper.WithRetry(wrapper.Retry{StatusCodes: []int{400, 599}}),
		"a tab in a name": wrapper.WithApplication("a\tb"),
		"another script":  wrapper.WithUserAgent("Abrechnung für Kunden"),
	} {
		if _, err := wrapper.NewClient(wrapper.StaticBearer(bearer), opt); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The last of several options of a kind counts.
func TestOptions_AreAppliedInTheirOrder(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	client := inMemory(t, s, wrapper.WithUserAgent("first"), wrapper.WithUserAgent("second"))
	if _, err := client.GenerateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	if agent := s.seen()[0].header.Get("User-Agent"); !strings.HasPrefix(agent, "second") {
		t.Errorf("sent %q", agent)
	}
}
