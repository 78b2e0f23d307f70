package wrapper_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestABearerThatIsNoneIsRefusedBeforeAnythingIsSent(t *testing.T) {
	tests := map[string]struct{ bearer, want string }{
		"empty":                   {"", "empty"},
		"a newline alone":         {"\n", "empty"},
		"with its scheme":         {"Bearer canary", `begins with "Bearer "`},
		"with another case of it": {"bearer canary", `begins with "Bearer "`},
		"a line break inside":     {"canary\nX-Other: 1", "byte 7"},
		"a carriage return":       {"canary\rX-Other: 1", "byte 7"},
		"two newlines at the end": {"canary\n\n", "byte 7"},
		"a NUL":                   {"canary\x00", "byte 7"},
		"a tab":                   {"can\tary", "byte 4"},
		"a space in front":        {" canary", "byte 1"},
		"a delete character":      {"canary\x7f", "byte 7"},
		"not ASCII":               {"canaryé", "byte 7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []answer{ok()}}
			client, err := wrapper.NewClient(wrapper.StaticBearer(test.bearer), wrapper.WithHTTPClient(&http.Client{Transport: s}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.GenerateToken(t.Context())
			e := asError(t, err)
			if !errors.Is(err, wrapper.ErrInvalidBearer) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not say %q", err, test.want)
			}
			if len(s.seen()) != 0 || e.Attempts != 0 || e.RequestID == "" || e.Retryable() {
				t.Errorf("sent %d requests; %#v", len(s.seen()), e)
			}
			wantKind(t, err, nil)
		})
	}
}

func TestOneTrailingNewlineOfABearerIsDropped(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		s := &script{answers: []answer{ok()}}
		client, err := wrapper.NewClient(wrapper.StaticBearer(bearer+end), wrapper.WithHTTPClient(&http.Client{Transport: s}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.seen()[0].header.Get("Authorization"); got != "Bearer "+bearer {
			t.Errorf("sent %q", got)
		}
	}
}

func TestAnErrorOfTheBearerFuncReachesTheCaller(t *testing.T) {
	signIn := errors.New("sign-in failed")
	s := &script{answers: []answer{ok()}}
	client, err := wrapper.NewClient(
		func(context.Context) (string, error) { return "", signIn },
		wrapper.WithHTTPClient(&http.Client{Transport: s}),
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.GenerateToken(t.Context())
	if e := asError(t, err); !errors.Is(err, signIn) || e.Attempts != 0 || e.CorrelationID == "" || len(s.seen()) != 0 {
		t.Errorf("got %#v", e)
	}
	wantKind(t, err, nil)
}

func TestTheBearerFuncGetsTheContextOfTheCall(t *testing.T) {
	type key struct{}
	var got any
	client, err := wrapper.NewClient(func(ctx context.Context) (string, error) {
		got = ctx.Value(key{})
		return bearer, nil
	}, wrapper.WithHTTPClient(&http.Client{Transport: &script{answers: []answer{ok()}}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GenerateToken(context.WithValue(t.Context(), key{}, "mine")); err != nil || got != "mine" {
		t.Errorf("got %v, %v", got, err)
	}
}
