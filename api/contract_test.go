package api_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/partnercenter-go/generatetoken/api"
)

type (
	object = map[string]any
	list   = []any
)

// TestContract_SaysWhatTheDocumentationSaysAndNothingElse builds the contract that the facts make and compares it with
// the real one, to the last keyword and sentence.
func TestContract_SaysWhatTheDocumentationSaysAndNothingElse(t *testing.T) {
	for _, difference := range differences("", documented(), load(t)) {
		t.Error(difference)
	}
	if t.Failed() {
		t.Log("if the documentation changed, change the facts in facts_test.go or facts_bodies_test.go and api/openapi.yaml, " +
			"then run 'make generate' and 'make test'; otherwise undo the change of api/openapi.yaml")
	}
}

func TestFacts_NameSourcesThatTheContractLists(t *testing.T) {
	unused := map[string]bool{}
	for _, s := range sources {
		unused[s.letter] = true
	}
	for _, f := range allFacts() {
		if f.source == project || f.source == assumption {
			continue
		}
		for _, letter := range strings.Split(f.source, ", ") {
			if _, listed := unused[letter]; !listed {
				t.Errorf("%q is from %q, which the contract does not list", f.says, letter)
			}
			unused[letter] = false
		}
	}
	for letter, is := range unused {
		if is {
			t.Errorf("the contract lists %s, and no fact is from it", letter)
		}
	}
}

// TestFacts_NoticeEveryChange changes each value of the contract that the facts make, takes it away and puts one beside it.
func TestFacts_NoticeEveryChange(t *testing.T) {
	facts, contract := documented(), written(documented()).(object)
	changes := 0
	check := func(at, what string) {
		t.Helper()
		changes++
		if len(differences("", facts, contract)) == 0 {
			t.Errorf("%s %s, and no fact is against it", at, what)
		}
	}
	var walk func(at string, v any, set func(any))
	walk = func(at string, v any, set func(any)) {
		switch v := v.(type) {
		case object:
			for _, key := range slices.Collect(maps.Keys(v)) {
				old := v[key]
				walk(at+"/"+key, old, func(value any) { v[key] = value })
				delete(v, key)
				check(at+"/"+key, "is gone")
				v[key] = old
			}
			v["x-new"] = true
			check(at, "has a new member")
			delete(v, "x-new")
		case list:
			for i, old := range v {
				walk(fmt.Sprintf("%s/%d", at, i), old, func(value any) { v[i] = value })
			}
			set(append(slices.Clone(v), "new"))
			check(at, "has a new element")
			if len(v) > 0 {
				set(v[:len(v)-1])
				check(at, "lacks its last element")
			}
			set(v)
		case string:
			words := strings.Fields(v)
			for i, word := range words {
				set(strings.Join(slices.Concat(words[:i], words[i+1:]), " "))
				check(at, fmt.Sprintf("lacks its word %d, %q", i, word))
			}
			set(v + " And more.")
			check(at, "says more")
			set(v)
		case int:
			set(v + 1)
			check(at, "is greater")
			set(v)
		case bool:
			set(!v)
			check(at, "is the contrary")
			set(v)
		default:
			t.Fatalf("%s is a %T", at, v)
		}
	}
	walk("", contract, func(v any) { contract = v.(object) })
	if left := differences("", facts, contract); len(left) > 0 {
		t.Errorf("the changes were not undone: %v", left)
	}
	t.Logf("changes noticed: %d", changes)
}

func load(t *testing.T) object {
	t.Helper()
	var contract object
	if err := yaml.Unmarshal(api.Spec, &contract); err != nil {
		t.Fatal(err)
	}
	return contract
}

// written turns facts into their text, as a contract has it.
func written(v any) any {
	switch v := v.(type) {
	case object:
		all := object{}
		for key, value := range v {
			all[key] = written(value)
		}
		return all
	case list:
		all := list{}
		for _, value := range v {
			all = append(all, written(value))
		}
		return all
	case prose:
		return strings.Join(v, " ")
	}
	return v
}

// differences lists what got, at a place of the contract, has other than want, which has facts in place of their text.
func differences(at string, want, got any) []string {
	var found []string
	switch want := want.(type) {
	case object:
		got, ok := got.(object)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			place := at + "/" + strings.ReplaceAll(key, "/", "~1") // a JSON pointer
			if value, ok := got[key]; ok {
				found = append(found, differences(place, want[key], value)...)
			} else {
				found = append(found, fmt.Sprintf("%s is documented, and the contract does not have it", place))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[key]; !ok {
				found = append(found, fmt.Sprintf("%s/%s: no fact accounts for it", at, strings.ReplaceAll(key, "/", "~1")))
			}
		}
		return found
	case list:
		got, ok := got.(list)
		if !ok {
			break
		}
		for i := range min(len(want), len(got)) {
			found = append(found, differences(fmt.Sprintf("%s/%d", at, i), want[i], got[i])...)
		}
		if len(want) != len(got) {
			found = append(found, fmt.Sprintf("%s has %d elements, and %d are documented", at, len(got), len(want)))
		}
		return found
	case prose:
		if got, ok := got.(string); ok {
			return proseDifferences(at, want, got)
		}
	default:
		if reflect.DeepEqual(want, got) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s is %#v, and %#v is documented", at, got, want)}
}

// proseDifferences compares a text, however its lines are broken, with the sentences that it has to consist of.
func proseDifferences(at string, want prose, got string) []string {
	got = strings.Join(strings.Fields(got), " ")
	if got == strings.Join(want, " ") {
		return nil
	}
	var found []string
	rest := got
	for _, sentence := range want {
		before, after, ok := strings.Cut(rest, sentence)
		if !ok {
			found = append(found, fmt.Sprintf("%s does not say %q", at, sentence))
			continue
		}
		rest = before + after
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		found = append(found, fmt.Sprintf("%s says %q, and no fact accounts for it", at, rest))
	}
	if len(found) == 0 {
		found = append(found, fmt.Sprintf("%s has its sentences in another order", at))
	}
	return found
}
