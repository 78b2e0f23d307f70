package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// ofTenant is a request with a bearer of a tenant.
func ofTenant(t *testing.T, tenant string) sent {
	t.Helper()
	bearer, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": "https://api.partnercenter.microsoft.com", "tid": tenant,
	}).SignedString([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	return sent{header: map[string]string{"Authorization": "Bearer " + bearer}}
}

func TestWithQuota_CountsByTenant(t *testing.T) {
	server := start(t, emulator.WithQuota(2))
	for _, requests := range []sent{ofTenant(t, "a"), ofTenant(t, "b"), {}} {
		for i, want := range []int{200, 200, 429} {
			if resp, body := answered(t, server, requests); resp.StatusCode != want {
				t.Errorf("request %d got %s %s", i+1, resp.Status, body)
			}
		}
	}
}

func TestWithQuota_SaysWhenToComeAgain(t *testing.T) {
	server := start(t, emulator.WithQuota(1))
	asked := sent{header: map[string]string{"Accept": "text/xml"}}
	answered(t, server, asked)
	server.SetClockOffset(10 * time.Second)
	resp, body := answered(t, server, asked)
	var wait int
	if _, err := fmt.Sscan(resp.Header.Get("Retry-After"), &wait); err != nil || wait < 45 || wait > 50 {
		t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
	}
	want := fmt.Sprintf(`{"statusCode":429,"message":"Rate limit is exceeded. Try again in %d seconds."}`, wait)
	if resp.StatusCode != 429 || strings.TrimSpace(string(body)) != want || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s in %s: %s", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	server.SetClockOffset(10*time.Second + time.Duration(wait)*time.Second)
	if got := statuses(t, server, 2); !slices.Equal(got, []int{200, 429}) {
		t.Errorf("after the wait got %v", got)
	}
}

func TestWithQuota_CountsNoFaultsAndNoRefusedBearers(t *testing.T) {
	server := start(t, emulator.WithQuota(1), emulator.WithFaults(emulator.Fault{Status: 500}))
	answered(t, server, sent{})
	answered(t, server, sent{header: map[string]string{"Authorization": ""}})
	if got := statuses(t, server, 2); !slices.Equal(got, []int{200, 429}) {
		t.Errorf("got %v", got)
	}
}
