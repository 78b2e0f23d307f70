package sharedcache

import (
	"math/rand/v2"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// plan is what a source does about a token, by how long it has yet to serve.
type plan struct {
	accessToken string
	renew       time.Duration // from here on, a new token is due
	alone       time.Duration // from here on, the source gets one without the store; 0 until the store fails
}

// planOf returns the plan for a token of the source, and draws it if the token is new. It is renewed at 0.60 to 0.65 of
// its life, so that an engine's outage leaves room.
func (c *call) planOf(t *wrapper.Token, life time.Duration) *plan {
	p := c.plan.Load()
	if p == nil || p.accessToken != t.AccessToken {
		p = &plan{t.AccessToken, max(between(0.35, 0.40, life)-c.now.Margin, (life-c.now.Margin)/10), 0} // the latter for a wide margin
		c.plan.Store(p)
	}
	return p
}

// shortOutage is how long the store may fail before a source goes on alone with a token that is not due.
const shortOutage = 5 * time.Minute

// aloneAt returns from when on a source goes on alone. The tokens of a fleet end together, so each source draws a moment
// in what is left. It is drawn once an outage: if it were at each look, the earliest draw would count.
func (c *call) aloneAt(p *plan) time.Duration {
	if left := c.now.Left; p.alone == 0 {
		p = &plan{p.accessToken, p.renew, between(0.05, 1, max(min(left, p.renew), left-shortOutage))}
		c.plan.Store(p)
	}
	return p.alone
}

// lookAgain returns when to look at the store again: within a minute, for that is when a gravestone is noticed, but at a
// moment that comes before, and in time for yet another look if the token is nearly over.
func lookAgain(left, moment time.Duration) time.Duration {
	next := left / 2
	if left > moment {
		next = left - moment
	}
	return max(min(next, between(40, 55, time.Second)), time.Second)
}

// between draws from two multiples of a unit.
func between(from, to float64, unit time.Duration) time.Duration {
	return time.Duration((from + (to-from)*rand.Float64()) * float64(unit))
}
