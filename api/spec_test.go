package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/partnercenter-go/generatetoken/api"
)

func TestContract_IsValidOpenAPIWithItsExamples(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := contract.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}
