package sharedcache

import (
	"math/rand/v2"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// plan is what a source does about a token, by how long it has yet to serve. It is drawn once a token: if it were drawn
// at each look, the earliest draw would count, and all sources would go at once.
type plan struct {
	accessToken string
	renew       time.Duration // from here on, a new token is due
	alone       time.Duration // from here on, the source gets one without the store
}

// planOf returns the plan for a token of the source, and draws it if the token is new. It is renewed at 0.60 to 0.65 of
// its life, so that an engine's outage leaves the sources room to go on alone in, each at a moment of its own.
func (c *call) planOf(t *wrapper.Token, life time.Duration) *plan {
	p := c.plan.Load()
	if p == nil || p.accessToken != t.AccessToken {
		renew := max(between(0.35, 0.40, life)-c.now.Margin, (life-c.now.Margin)/10) // for a margin that is most of the life
		p = &plan{t.AccessToken, renew, between(0.05, 1, renew)}
		c.plan.Store(p)
	}
	return p
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
