package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"pgregory.net/rapid"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
)

// Requests made of the contract, in order or broken in some way, and three rules that any answer has to keep: what is in
// order gets a token, what is broken gets another status, and either has the form that the contract has for it. rapid
// makes the requests and cuts a failing one down to what makes it fail.
func TestEmulator_KeepsTheContractWhateverItIsSent(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	service, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	statuses := map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SampledFrom(contract.Paths.InMatchingOrder()).Draw(t, "path")
		operation := contract.Paths.Value(path).Post
		inOrder := true
		broken := func(what string) bool {
			is := rapid.IntRange(0, 7).Draw(t, what+" is broken") == 7
			inOrder = inOrder && !is
			return is
		}
		header := http.Header{}
		header.Set("Authorization", "Bearer "+rapid.StringMatching(`[A-Za-z0-9_~+/-]{1,40}`).Draw(t, "bearer"))
		if broken("the bearer") {
			header.Set("Authorization", rapid.SampledFrom([]string{"", "Bearer", "Bearer ", "Basic YTpi", "bearer\t"}).Draw(t, "no bearer"))
		}
		header.Set("Accept", rapid.SampledFrom(slices.Sorted(maps.Keys(operation.Responses.Status(200).Value.Content))).Draw(t, "Accept"))
		if broken("Accept") {
			header.Set("Accept", rapid.SampledFrom([]string{"image/png", "application/pdf;q=0.3", "text/json;q=0", ","}).Draw(t, "no Accept"))
		}
		for _, parameter := range operation.Parameters {
			name, isGUID := parameter.Value.Name, parameter.Value.Schema.Value.Format == "uuid"
			switch {
			case !isGUID: // any text is in order
				header.Set(name, rapid.StringMatching(`[!-~]{1,50}`).Draw(t, name))
			case broken(name):
				header.Set(name, rapid.StringMatching(`[ -~]{1,50}`).Filter(func(s string) bool {
					return strings.TrimSpace(s) != "" // which is to leave it out
				}).Draw(t, name))
			case rapid.Bool().Draw(t, name+" is there"):
				header.Set(name, rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).Draw(t, name))
			}
		}
		mediaType := rapid.SampledFrom(slices.Sorted(maps.Keys(operation.RequestBody.Value.Content))).Draw(t, "Content-Type")
		header.Set("Content-Type", mediaType)
		body := bodyOf(mediaType, "grant_type", "jwt_token")
		if broken("the body") {
			body = rapid.OneOf(
				rapid.Just(bodyOf(mediaType, "grant_type", "password")), rapid.Just(bodyOf(mediaType, "grant", "jwt_token")),
				rapid.Just(body[:len(body)/2]), rapid.Just(""), rapid.StringMatching(`[\x00-\x7f]{0,200}`), rapid.String(),
			).Filter(func(s string) bool { return !strings.Contains(s, "grant_type=jwt_token") }).Draw(t, "body")
		}
		if broken("Content-Type") {
			header.Set("Content-Type", rapid.SampledFrom([]string{"", "text/plain", "multipart/form-data", "application/*", "json"}).Draw(t, "no Content-Type"))
		}
		method := http.MethodPost
		if broken("the method") {
			method = rapid.SampledFrom([]string{"GET", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"}).Draw(t, "method")
		}

		request := httptest.NewRequest(method, path, strings.NewReader(body))
		request.Header = header
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, request)

		statuses[answer.Code]++
		if (answer.Code == http.StatusOK) != inOrder || answer.Code >= 500 {
			t.Fatalf("%d for a request that is in order: %t; %s", answer.Code, inOrder, answer.Body)
		}
		// Statuses that the documentation does not have, such as 405, have the form of the others.
		status := answer.Code
		if operation.Responses.Status(status) == nil {
			status = http.StatusBadRequest
		}
		if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: &routers.Route{
				Spec: contract, Path: path, PathItem: contract.Paths.Value(path), Method: http.MethodPost, Operation: operation,
			}},
			Status: status, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}); err != nil {
			t.Fatalf("%d: %v", answer.Code, err)
		}
	})
	t.Logf("answered %v", statuses)
	made := judge{name: "kin-openapi, requests made at random", varies: true}
	for _, n := range statuses {
		made.cases += n
	}
	if !t.Failed() {
		made.held = made.cases
	}
	made.report(t)
}

func bodyOf(mediaType, member, value string) string {
	switch {
	case strings.HasSuffix(mediaType, "xml"):
		return fmt.Sprintf("<r><%[1]s>%[2]s</%[1]s></r>", member, value)
	case strings.HasSuffix(mediaType, "json"):
		text, _ := json.Marshal(map[string]string{member: value})
		return string(text)
	}
	return url.Values{member: {value}}.Encode()
}
