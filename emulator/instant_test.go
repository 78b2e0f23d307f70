package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// stopped is an emulator whose clock goes on only when a test says so.
type stopped struct {
	*testing.T
	*emulator.Emulator
}

// atInstants runs a test with a clock that stands still.
func atInstants(t *testing.T, test func(s stopped), opts ...emulator.Option) {
	synctest.Test(t, func(t *testing.T) {
		e, err := emulator.New(opts...)
		if err != nil {
			t.Fatal(err)
		}
		test(stopped{t, e})
	})
}

func (s stopped) send(method, path, body string, header ...string) (int, []byte) {
	s.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

func (s stopped) exchange(bearer string) (status int, token string) {
	s.Helper()
	status, body := s.send(http.MethodPost, "/v3/generatetoken", "grant_type=jwt_token", "Authorization", "Bearer "+bearer)
	var answer entraAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		s.Fatal(err)
	}
	return status, answer.AccessToken
}

func (s stopped) entra(endpoint string, values url.Values) (answer entraAnswer) {
	s.Helper()
	_, body := s.send(http.MethodPost, "/t/oauth2/v2.0/"+endpoint, values.Encode())
	if err := json.Unmarshal(body, &answer); err != nil {
		s.Fatal(err)
	}
	return answer
}

// around holds what is so just before an instant, and at it.
func (s stopped) around(lifetime time.Duration, before, at string, look func() string) {
	s.Helper()
	s.SetClockOffset(lifetime - 1)
	if got := look(); got != before {
		s.Errorf("just before: %q, want %q", got, before)
	}
	s.SetClockOffset(lifetime)
	if got := look(); got != at {
		s.Errorf("at the instant: %q, want %q", got, at)
	}
}

func TestToken_ExpiresAtItsInstant(t *testing.T) {
	atInstants(t, func(s stopped) {
		_, token := s.exchange("any")
		s.around(time.Minute, "OK", "Unauthorized", func() string {
			status, _ := s.send(http.MethodGet, "/_emulator/resource", "", "Authorization", "Bearer "+token)
			return http.StatusText(status)
		})
	}, emulator.WithTokenLifetime(time.Minute))
}

func TestBearer_IsValidFromItsInstantToItsOther(t *testing.T) {
	atInstants(t, func(s stopped) {
		now := time.Now()
		bearer, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"aud": partnerCenter, "nbf": now.Add(time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
		}).SignedString([]byte("key"))
		if err != nil {
			s.Fatal(err)
		}
		look := func() string { status, _ := s.exchange(bearer); return http.StatusText(status) }
		s.around(time.Minute, "Unauthorized", "OK", look)
		s.around(time.Hour, "OK", "Unauthorized", look)
	})
}

func TestWithQuota_BeginsAnewAtItsInstant(t *testing.T) {
	atInstants(t, func(s stopped) {
		look := func() string { status, _ := s.exchange("any"); return http.StatusText(status) }
		look()
		s.around(time.Minute, "Too Many Requests", "OK", look)
		if got := look(); got != "Too Many Requests" {
			s.Errorf("in the next minute the second is %q", got)
		}
		s.SetClockOffset(0) // a clock that jumps back must not lock a tenant out
		if got := look(); got != "OK" {
			s.Errorf("after a jump back got %q", got)
		}
	}, emulator.WithQuota(1))
}

func TestRefreshToken_ExpiresAtItsInstant(t *testing.T) {
	atInstants(t, func(s stopped) {
		d := s.entra("devicecode", form("client_id", "a", "scope", personScope))
		token := s.entra("token", form("grant_type", "device_code", "client_id", "a", "device_code", d.DeviceCode)).RefreshToken
		s.around(90*24*time.Hour, "", "invalid_grant", func() string {
			return s.entra("token", form("grant_type", "refresh_token", "client_id", "a", "refresh_token", token)).Error
		})
	}, emulator.WithEntra(), emulator.WithAutomaticSignIn(emulator.SignIn{}, 0))
}

func TestDeviceCode_ExpiresAtItsInstant(t *testing.T) {
	atInstants(t, func(s stopped) {
		d := s.entra("devicecode", form("client_id", "a", "scope", personScope))
		s.around(15*time.Minute, "authorization_pending", "expired_token", func() string {
			return s.entra("token", form("grant_type", "device_code", "client_id", "a", "device_code", d.DeviceCode)).Error
		})
	}, emulator.WithEntra())
}

func TestDeviceCode_MayBePolledAHalfIntervalEarly(t *testing.T) {
	for apart, want := range map[time.Duration]string{
		0: "slow_down", 500*time.Millisecond - 1: "slow_down", 500 * time.Millisecond: "authorization_pending", time.Second: "authorization_pending",
	} {
		atInstants(t, func(s stopped) {
			d := s.entra("devicecode", form("client_id", "a", "scope", personScope))
			poll := form("grant_type", "device_code", "client_id", "a", "device_code", d.DeviceCode)
			if got := s.entra("token", poll).Error; got != "authorization_pending" {
				s.Errorf("the first poll got %q", got)
			}
			s.SetClockOffset(apart)
			got := s.entra("token", poll)
			if got.Error != want {
				s.Errorf("after %s got %q, want %q", apart, got.Error, want)
			}
			if strings.HasPrefix(got.Description, "AADSTS") != (want == "authorization_pending") {
				s.Errorf("after %s it says %q", apart, got.Description)
			}
		}, emulator.WithEntra())
	}
}

func TestBearer_OfWhiteSpaceIsNone(t *testing.T) {
	atInstants(t, func(s stopped) {
		for _, bearer := range []string{"", " ", "\t"} {
			if status, _ := s.exchange(bearer); status != http.StatusUnauthorized {
				s.Errorf("%q got %d", bearer, status)
			}
		}
	})
}

func TestReset_BeginsQuotasAnew(t *testing.T) {
	atInstants(t, func(s stopped) {
		s.exchange("any")
		s.Reset()
		if status, _ := s.exchange("any"); status != http.StatusOK {
			s.Errorf("got %d", status)
		}
	}, emulator.WithQuota(1))
}
