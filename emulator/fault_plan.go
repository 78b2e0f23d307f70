package emulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// plan is the faults that are still to be met.
type plan struct {
	rules  []rule
	chance *rand.Rand
}

// rule is a fault and how far it has come.
type rule struct {
	Fault
	seen int // requests since it was set
	left int // how many more it meets; endless below zero
}

func newPlan(seed uint64, faults []Fault) plan {
	p := plan{chance: rand.New(rand.NewPCG(seed, 0))} // a plan has to be repeatable, not secret
	for _, f := range faults {
		left := f.Times
		switch {
		case left > 0:
		case f.Every > 0 || f.Probability > 0:
			left = -1
		default:
			left = 1
		}
		p.rules = append(p.rules, rule{Fault: f, left: left})
	}
	return p
}

// next returns the fault that a request to a place meets: the first that chooses it. All faults of the place count the
// request, so that none depends on what the others choose.
func (p *plan) next(at Place) Fault {
	chosen := -1
	for i := range p.rules {
		r := &p.rules[i]
		if r.Place() != at {
			continue
		}
		r.seen++
		chooses := true
		switch {
		case r.Every > 0:
			chooses = r.seen%r.Every == 0
		case r.Probability > 0:
			chooses = p.chance.Float64() < r.Probability
		}
		if chooses && chosen < 0 {
			chosen = i
		}
	}
	if chosen < 0 {
		return Fault{}
	}
	r := &p.rules[chosen]
	fault := r.Fault
	if r.left--; r.left == 0 {
		p.rules = slices.Delete(p.rules, chosen, chosen+1)
	}
	return fault
}

// faults returns what is left, as it would have to be set anew.
func (p *plan) faults() []Fault {
	left := make([]Fault, len(p.rules))
	for i, r := range p.rules {
		left[i] = r.Fault
		if r.Times > 0 {
			left[i].Times = r.left
		}
	}
	return left
}

func checkFaults(faults []Fault) error {
	for i, f := range faults {
		if err := f.check(); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return nil
}
