package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// ways are the ways to an exchange: both operations, through GenerateToken and through API. Each takes what a caller
// may set, or nil, by the means that it has.
var ways = map[string]struct {
	path, contentType, body string
	call                    func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error
}{
	"GenerateToken": {"/v3/generatetoken", "application/x-www-form-urlencoded", "grant_type=jwt_token", generateToken},
	"GenerateToken, legacy": {
		"/generatetoken", "application/x-www-form-urlencoded", "grant_type=jwt_token",
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			return generateToken(t, baseURL, own, append(opts, wrapper.WithLegacyEndpoint())...)
		},
	},
	"API": {
		"/v3/generatetoken", "application/json", `{"grant_type":"jwt_token"}`,
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			params := &gen.GenerateTokenParams{}
			if own != nil {
				params.RequestID, params.CorrelationID = &own.requestID, &own.correlationID
			}
			resp, err := newClient(t, baseURL, opts...).API().GenerateTokenWithResponse(t.Context(), params, grant, own.edit)
			if err != nil {
				return err
			}
			return noToken(resp.StatusCode())
		},
	},
	"API, legacy": {
		"/generatetoken", "application/json", `{"grant_type":"jwt_token"}`,
		func(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
			params := &gen.GenerateTokenLegacyParams{}
			if own != nil {
				params.RequestID, params.CorrelationID = &own.requestID, &own.correlationID
			}
			resp, err := newClient(t, baseURL, opts...).API().GenerateTokenLegacyWithResponse(t.Context(), params, grant, own.edit)
			if err != nil {
				return err
			}
			return noToken(resp.StatusCode())
		},
	},
}

var grant = gen.TokenRequest{GrantType: gen.JwtToken}

// overrides are header values of a caller's own.
type overrides struct {
	requestID, correlationID       uuid.UUID
	accept, userAgent, application string
}

// edit sets what the parameters of the generated client do not have.
func (o *overrides) edit(_ context.Context, req *http.Request) error {
	if o != nil {
		req.Header.Set("Accept", o.accept)
		req.Header.Set("User-Agent", o.userAgent)
		req.Header.Set("MS-PartnerCenter-Application", o.application)
	}
	return nil
}

func generateToken(t *testing.T, baseURL string, own *overrides, opts ...wrapper.Option) error {
	ctx := t.Context()
	if own != nil {
		ctx = wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(ctx, own.correlationID), own.requestID)
		opts = append(opts, wrapper.WithAccept(wrapper.MediaType(own.accept)),
			wrapper.WithUserAgent(own.userAgent), wrapper.WithApplication(own.application))
	}
	_, err := newClient(t, baseURL, opts...).GenerateToken(ctx)
	return err
}

// noToken makes an error of what the generated client returns as a status.
func noToken(status int) error {
	if status == http.StatusOK {
		return nil
	}
	return fmt.Errorf("status %d", status)
}

// eachWay runs a test for every way, against an emulator with these faults.
func eachWay(t *testing.T, faults []emulator.Fault, test func(t *testing.T, way string, x *exchanges)) {
	t.Helper()
	for name := range ways {
		t.Run(name, func(t *testing.T) {
			e, err := emulator.New(emulator.WithFaults(faults...))
			if err != nil {
				t.Fatal(err)
			}
			test(t, name, record(t, e))
		})
	}
}

func TestContract_HoldsForTheDefaultHeaders(t *testing.T) {
	c := loadContract(t)
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, nil); err != nil {
			t.Fatal(err)
		}
		r := x.requests[0]
		c.checkRequest(t, r)
		checkEqual(t, "path", r.path, ways[way].path)
		checkEqual(t, "body", r.body, ways[way].body)
		for header, want := range map[string]string{
			"Content-Type": ways[way].contentType, "Authorization": "Bearer " + bearer, "Accept": "application/json",
			"MS-PartnerCenter-Application": "",
		} {
			checkEqual(t, header, r.header.Get(header), want)
		}
		if !strings.HasPrefix(r.header.Get("User-Agent"), "partnercenter-go-generatetoken/") {
			t.Errorf("User-Agent is %q", r.header.Get("User-Agent"))
		}
		requestID, correlationID := r.header.Get("ms-requestid"), r.header.Get("ms-correlationid")
		for _, id := range []string{requestID, correlationID} {
			if guid, err := uuid.Parse(id); err != nil || guid == uuid.Nil {
				t.Errorf("an id is %q, want a GUID", id)
			}
		}
		if requestID == correlationID {
			t.Error("the two ids are one")
		}
	})
}

func TestContract_HoldsForHeadersOfTheCallersOwn(t *testing.T) {
	c := loadContract(t)
	own := &overrides{uuid.New(), uuid.New(), "text/json", "billing/1.2", "billing"}
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, own); err != nil {
			t.Fatal(err)
		}
		r := x.requests[0]
		c.checkRequest(t, r)
		for header, want := range map[string]string{
			"ms-requestid": own.requestID.String(), "ms-correlationid": own.correlationID.String(),
			"Accept": "text/json", "User-Agent": "billing/1.2", "MS-PartnerCenter-Application": "billing",
		} {
			checkEqual(t, header, strings.Join(r.header.Values(header), ", "), want)
		}
	})
}

func TestContract_AttemptsOfACallAreOneRequest(t *testing.T) {
	c := loadContract(t)
	eachWay(t, slices.Repeat([]emulator.Fault{{Status: 500}}, 3), func(t *testing.T, way string, x *exchanges) {
		if err := ways[way].call(t, x.url, nil, quickly()); err != nil {
			t.Fatal(err)
		}
		if len(x.requests) != 4 {
			t.Fatalf("sent %d requests, want 4", len(x.requests))
		}
		for _, r := range x.requests {
			c.checkRequest(t, r)
			if !reflect.DeepEqual(r, x.requests[0]) {
				t.Errorf("the attempts differ:\n%v\n%v", r, x.requests[0])
			}
		}
	})
}

func TestContract_CallsHaveIDsOfTheirOwn(t *testing.T) {
	eachWay(t, nil, func(t *testing.T, way string, x *exchanges) {
		ids := map[string]bool{}
		for range 3 {
			if err := ways[way].call(t, x.url, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range x.requests {
			ids[r.header.Get("ms-requestid")], ids[r.header.Get("ms-correlationid")] = true, true
		}
		if len(ids) != 6 {
			t.Errorf("three calls had %d different ids, want 6", len(ids))
		}
	})
}

func TestContract_RefusalsAreNotTriedAgain(t *testing.T) {
	refusals := map[int]bool{}
	for _, cell := range loadContract(t).matrix(t) {
		if cell.status >= 400 && cell.status < 500 {
			refusals[cell.status] = true
		}
	}
	for status := range refusals {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			eachWay(t, []emulator.Fault{{Status: status}}, func(t *testing.T, way string, x *exchanges) {
				checkStatus(t, ways[way].call(t, x.url, nil, quickly()), status)
				checkEqual(t, "requests", len(x.requests), 1)
			})
		})
	}
}

func TestContract_FailuresAreTriedThreeTimesMore(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			faults := slices.Repeat([]emulator.Fault{{Status: status}}, 5)
			eachWay(t, faults, func(t *testing.T, way string, x *exchanges) {
				checkStatus(t, ways[way].call(t, x.url, nil, quickly()), status)
				checkEqual(t, "requests", len(x.requests), 4)
			})
		})
	}
}

func TestContract_RetryAfterBeyondTheLongestDelayEndsTheCall(t *testing.T) {
	shortest := wrapper.WithRetry(wrapper.Retry{MaxDelay: 500 * time.Millisecond})
	eachWay(t, []emulator.Fault{{Status: 429, RetryAfter: time.Second}}, func(t *testing.T, way string, x *exchanges) {
		err := ways[way].call(t, x.url, nil, shortest)
		checkStatus(t, err, http.StatusTooManyRequests)
		checkEqual(t, "requests", len(x.requests), 1)
		var e *wrapper.Error
		if errors.As(err, &e) {
			checkEqual(t, "RetryAfter", e.RetryAfter, time.Second)
		}
	})
}

// checkStatus checks that a call failed with a status, whichever way it went.
func checkStatus(t *testing.T, err error, status int) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
		t.Errorf("got %v, want an error of status %d", err, status)
	}
}
