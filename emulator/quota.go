package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// quota is how many requests a tenant may make in a minute ("API throttling guidance"). The page does not say how the
// service counts; here a minute begins with the first request after the last one ended, and refused requests count too.
type quota struct {
	perMinute int // 0 is no limit
	minutes   map[string]minute
}

type minute struct {
	began time.Time
	count int
}

// keptTenants bounds how many tenants are counted.
const keptTenants = 10_000

// take counts a request and returns how long its tenant has to wait; 0 lets it pass.
func (q *quota) take(tenant string, now time.Time) time.Duration {
	if q.perMinute == 0 {
		return 0
	}
	m, ok := q.minutes[tenant]
	if age := now.Sub(m.began); !ok || age < 0 || age >= time.Minute {
		m = minute{began: now}
	}
	m.count++
	if q.minutes == nil || !ok && len(q.minutes) >= keptTenants {
		q.minutes = map[string]minute{}
	}
	q.minutes[tenant] = m
	if m.count <= q.perMinute {
		return 0
	}
	return m.began.Add(time.Minute).Sub(now)
}

// throttled is the answer of the gateway that keeps the quota: its body is not the service's own, and it knows JSON alone.
func throttled(wait time.Duration) reply {
	return reply{
		status:      http.StatusTooManyRequests,
		contentType: "application/json",
		header:      http.Header{"Retry-After": {strconv.FormatInt(seconds(wait), 10)}},
		body: struct {
			StatusCode int    `json:"statusCode"`
			Message    string `json:"message"`
		}{http.StatusTooManyRequests, fmt.Sprintf("Rate limit is exceeded. Try again in %d seconds.", seconds(wait))},
	}
}
