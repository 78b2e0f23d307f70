package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
)

func TestToken_IsOneForARequestIDWithItsBearer(t *testing.T) {
	server := start(t)
	token := func(bearer, requestID string) string {
		resp, body := answered(t, server, sent{header: map[string]string{"Authorization": "Bearer " + bearer, "ms-requestid": requestID}})
		var token gen.AccessToken
		decode(t, resp, body, &token)
		return token.AccessToken
	}
	id, other := uuid.NewString(), uuid.NewString()
	first := token("a", id)
	if again := token("a", id); again != first {
		t.Error("the same request got another token")
	}
	if again := token("a", strings.ToUpper(id)); again != first {
		t.Error("the same request in capitals got another token")
	}
	if token("b", id) == first {
		t.Error("another bearer got the same token")
	}
	if token("a", other) == first {
		t.Error("another request got the same token")
	}
	if unnamed := token("a", ""); unnamed == token("a", "") {
		t.Error("two requests without ids got one token")
	}
}

func TestToken_IsRememberedForAWindow(t *testing.T) {
	id := uuid.NewString()
	for name, test := range map[string]struct {
		opts  []emulator.Option
		later time.Duration
		again bool
	}{
		"within the ten minutes":   {nil, 10*time.Minute - time.Second, true},
		"after the ten minutes":    {nil, 10 * time.Minute, false},
		"before its time":          {nil, -time.Second, false},
		"within a window of one's": {[]emulator.Option{emulator.WithIdempotencyWindow(time.Hour)}, 59 * time.Minute, true},
		"where nothing is kept":    {[]emulator.Option{emulator.WithIdempotencyWindow(0)}, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			e, err := emulator.New(test.opts...)
			if err != nil {
				t.Fatal(err)
			}
			first := exchangeInMemory(e, "/v3/generatetoken", id)
			e.SetClockOffset(test.later)
			second := exchangeInMemory(e, "/v3/generatetoken", id)
			if (first == second) != test.again {
				t.Errorf("%s: the same token is %t", name, first == second)
			}
			if third := exchangeInMemory(e, "/v3/generatetoken", id); name != "where nothing is kept" && third != second {
				t.Errorf("%s: the new token is not remembered", name)
			}
		})
	}
}

func TestToken_IsNotAFaultsAnswer(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{Status: 500}))
	id := map[string]string{"ms-requestid": uuid.NewString()}
	for i, want := range []int{500, 200, 200} {
		if resp, _ := answered(t, server, sent{header: id}); resp.StatusCode != want {
			t.Errorf("attempt %d got %s", i+1, resp.Status)
		}
	}
}

func TestToken_IsAmongTheLastTenThousand(t *testing.T) {
	e, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	const v3 = "/v3/generatetoken"
	id := func(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }
	first, second := exchangeInMemory(e, v3, id(0)), exchangeInMemory(e, v3, id(1))
	for i := 2; i <= 10_000; i++ {
		exchangeInMemory(e, v3, id(i))
	}
	if exchangeInMemory(e, v3, id(1)) != second {
		t.Error("one of the last 10,000 tokens was forgotten")
	}
	if exchangeInMemory(e, v3, id(0)) == first {
		t.Error("a token before the last 10,000 was kept")
	}
}

func TestWithTokenLifetime_SetsExpiresIn(t *testing.T) {
	resp, body := answered(t, start(t, emulator.WithTokenLifetime(90*time.Second)), sent{})
	var token gen.AccessToken
	decode(t, resp, body, &token)
	if token.ExpiresIn != "90" {
		t.Errorf("got %s", body)
	}
}
