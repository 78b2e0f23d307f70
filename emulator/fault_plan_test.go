package emulator_test

import (
	"slices"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// statuses makes n requests and returns the statuses of their answers.
func statuses(t *testing.T, server *emulator.Server, n int) []int {
	t.Helper()
	var got []int
	for range n {
		resp, _ := answered(t, server, sent{})
		got = append(got, resp.StatusCode)
	}
	return got
}

func TestFaults_ChooseTheirRequests(t *testing.T) {
	for name, test := range map[string]struct {
		faults []string
		want   []int
	}{
		"one after the other":             {[]string{"500", "503"}, []int{500, 503, 200}},
		"times":                           {[]string{"500:times=2", "503"}, []int{500, 500, 503, 200}},
		"every":                           {[]string{"500:every=3"}, []int{200, 200, 500, 200, 200, 500}},
		"every, so many times":            {[]string{"500:every=2:times=2"}, []int{200, 500, 200, 500, 200, 200}},
		"each":                            {[]string{"500:every=1"}, []int{500, 500, 500}},
		"the first that chooses":          {[]string{"500:every=2", "503:every=3"}, []int{200, 500, 503, 500, 200, 500}},
		"every counts what others choose": {[]string{"503", "500:every=2"}, []int{503, 500, 200, 500}},
		"never":                           {[]string{"500:probability=1e-300"}, []int{200, 200, 200, 200}},
		"always":                          {[]string{"500:probability=1"}, []int{500, 500, 500}},
		"always, once":                    {[]string{"500:probability=1:times=1"}, []int{500, 200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			var faults []emulator.Fault
			for _, spec := range test.faults {
				fault, err := emulator.ParseFault(spec)
				if err != nil {
					t.Fatal(err)
				}
				faults = append(faults, fault)
			}
			server := start(t, emulator.WithFaults(faults...))
			if got := statuses(t, server, len(test.want)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestWithSeed_SettlesWhatFallsByChance(t *testing.T) {
	run := func(seed uint64) []int {
		server := start(t, emulator.WithSeed(seed), emulator.WithFaults(emulator.Fault{Status: 500, Probability: 0.3}))
		got := statuses(t, server, 200)
		server.Reset()
		if again := statuses(t, server, 200); !slices.Equal(got, again) {
			t.Errorf("after Reset, seed %d gave another sequence", seed)
		}
		return got
	}
	one := run(1)
	server := start(t, emulator.WithSeed(1))
	if err := server.SetFaults(emulator.Fault{Status: 500, Probability: 0.3}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(statuses(t, server, 200), one) {
		t.Error("SetFaults has another seed")
	}
	if slices.Equal(one, run(2)) {
		t.Error("two seeds gave one sequence")
	}
	met := 0
	for _, status := range one {
		if status == 500 {
			met++
		}
	}
	if met < 40 || met > 80 {
		t.Errorf("%d of 200 requests met a fault of 0.3", met)
	}
}

func TestSetFaults_ReplacesWhatIsLeft(t *testing.T) {
	server := start(t, emulator.WithFaults(emulator.Fault{Status: 500, Times: 3}, emulator.Fault{Status: 503}))
	statuses(t, server, 1)
	if got := server.Faults(); len(got) != 2 || got[0].String() != "500:times=2" || got[1].String() != "503" {
		t.Errorf("left are %v", got)
	}
	if err := server.SetFaults(emulator.Fault{Status: 403}, emulator.Fault{Status: 700}); err == nil || len(server.Faults()) != 2 {
		t.Errorf("%v, and left are %v", err, server.Faults())
	}
	if err := server.SetFaults(emulator.Fault{Status: 403}); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, server, 2); !slices.Equal(got, []int{403, 200}) {
		t.Errorf("got %v", got)
	}
	server.Reset()
	if got := statuses(t, server, 5); !slices.Equal(got, []int{500, 500, 500, 503, 200}) {
		t.Errorf("after Reset got %v", got)
	}
}
