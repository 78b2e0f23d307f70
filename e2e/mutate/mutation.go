package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-openapi/jsonpointer"
	"sigs.k8s.io/yaml"
)

// mutation is one fact broken.
type mutation struct {
	name  string
	apply func(dir string) error // changes the copy in dir
	tests []string               // arguments of go test
}

const contractFile = "api/openapi.yaml"

// notApplicable is why a mutation could not be made: what it was written for has changed since.
type notApplicable struct{ error }

// inContract is a mutation of the contract, as a JSON patch (RFC 6902).
func inContract(name, patch string) mutation {
	return mutation{name: name, tests: contractTests, apply: func(dir string) error {
		return breakContract(dir, func(document []byte) ([]byte, error) {
			operations, err := jsonpatch.DecodePatch([]byte(patch))
			if err != nil {
				return nil, err
			}
			return operations.Apply(document)
		})
	}}
}

// inKeyword is a mutation of the contract that sets a value or adds one.
func inKeyword(place, value string) mutation {
	return inContract(place+" becomes "+value, add(place, value)) // which replaces what is there
}

// inProse is a mutation of one of the contract's descriptions: before, which has to be there once, becomes after.
func inProse(place, before, after string) mutation {
	return mutation{
		name:  fmt.Sprintf("%s: %q becomes %q", place, before, after),
		tests: contractTests,
		apply: func(dir string) error { return breakContract(dir, retold(place+"/description", before, after)) },
	}
}

// contractTests compare the contract with the documented facts. No code is generated anew for them: that what is
// generated fits the contract, make verify holds.
var contractTests = []string{"-run", "^TestContract", "./api"}

func retold(place, before, after string) func([]byte) ([]byte, error) {
	return func(document []byte) ([]byte, error) {
		pointer, err := jsonpointer.New(place)
		if err != nil {
			return nil, err
		}
		var contract any
		if err := json.Unmarshal(document, &contract); err != nil {
			return nil, err
		}
		value, _, err := pointer.Get(contract)
		if err != nil {
			return nil, err
		}
		text := strings.Join(strings.Fields(fmt.Sprint(value)), " ") // however its lines are broken
		if n := strings.Count(text, before); n != 1 {
			return nil, fmt.Errorf("it is there %d times", n)
		}
		if _, err := pointer.Set(contract, strings.Replace(text, before, after, 1)); err != nil {
			return nil, err
		}
		return json.Marshal(contract)
	}
}

// breakContract edits the contract in a copy. An edit that fails, or changes nothing, does not apply.
func breakContract(dir string, edit func(document []byte) ([]byte, error)) error {
	return editContract(dir, func(document []byte) ([]byte, error) {
		edited, err := edit(document)
		if err == nil && jsonpatch.Equal(document, edited) {
			err = errors.New("it changes nothing")
		}
		if err != nil {
			return nil, notApplicable{err}
		}
		return edited, nil
	})
}

// editContract edits the contract in a copy, as JSON, which is YAML too.
func editContract(dir string, edit func(document []byte) ([]byte, error)) error {
	file := filepath.Join(dir, contractFile)
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	document, err := yaml.YAMLToJSON(source)
	if err != nil {
		return err
	}
	if document, err = edit(document); err != nil {
		return err
	}
	return os.WriteFile(file, document, 0o600)
}

// inWrapper is a mutation of the wrapper's code, in whatever file: before, which has to be there once, becomes after.
func inWrapper(name, before, after string) mutation {
	return mutation{name: name, tests: []string{"./wrapper"}, apply: func(dir string) error {
		files, err := filepath.Glob(filepath.Join(dir, "wrapper", "*.go"))
		if err != nil {
			return err
		}
		found, n := "", 0
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if here := bytes.Count(source, []byte(before)); here > 0 && !strings.HasSuffix(file, "_test.go") {
				found, n = file, n+here
			}
		}
		if n != 1 {
			return notApplicable{fmt.Errorf("%q is there %d times", before, n)}
		}
		source, err := os.ReadFile(found)
		if err != nil {
			return err
		}
		return os.WriteFile(found, bytes.Replace(source, []byte(before), []byte(after), 1), 0o600)
	}}
}
