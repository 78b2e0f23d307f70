package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestContractIsValidWithItsExamples(t *testing.T) {
	doc := load(t)
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
}

func TestContractHasAnExampleForEveryMediaType(t *testing.T) {
	doc := load(t)
	check := func(where string, content openapi3.Content) {
		if len(content) == 0 {
			t.Errorf("%s has no media type", where)
		}
		for name, mediaType := range content {
			if len(mediaType.Examples) == 0 {
				t.Errorf("%s: %s has no example", where, name)
			}
		}
	}
	for name, body := range doc.Components.RequestBodies {
		check("request body "+name, body.Value.Content)
	}
	for name, response := range doc.Components.Responses {
		check("response "+name, response.Value.Content)
	}
}
