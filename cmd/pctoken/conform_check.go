package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// deviation is where an answer is not what the contract says.
type deviation struct {
	Place   string `json:"place"` // status, header NAME, body, or the JSON pointer of a member within the body
	Problem string `json:"problem"`
}

func (one *cell) deviates(place, format string, args ...any) {
	one.deviations = append(one.deviations, deviation{place, fmt.Sprintf(format, args...)})
}

// judge holds an answer, or that there is none, against the contract.
func (c *conformance) judge(ctx context.Context, one *cell, err error) {
	if one.answer == nil {
		var failed *wrapper.Error
		if errors.As(err, &failed) && failed.Err != nil {
			err = failed.Err // its own text has the ids, too, which are the cell's
		}
		one.deviates("answer", "none: %v", err)
	} else {
		c.keepSecrets(one)
		one.holdAgainst(ctx, c.contract)
	}
	for i, d := range one.deviations {
		one.deviations[i] = deviation{c.shown(d.Place), c.shown(d.Problem)}
	}
}

func (one *cell) holdAgainst(ctx context.Context, contract contract) {
	header, got := one.answer.Header, one.answer.StatusCode
	if got != one.Expected {
		one.deviates("status", "%d, not %d", got, one.Expected)
	}
	documented := one.operation.Responses.Status(got)
	if documented == nil {
		return // nothing is known of such an answer
	}
	if mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || mediaType != one.ResponseType {
		one.deviates("header Content-Type", "%q, not %s", header.Get("Content-Type"), one.ResponseType)
	}
	// The contract lets them be missing, so that a client copes; the documentation has them in every answer.
	for _, name := range slices.Sorted(maps.Keys(documented.Value.Headers)) {
		if header.Get(name) == "" {
			one.deviates("header "+name, "missing")
		}
	}
	if len(one.body) > mostBody {
		one.deviates("body", "longer than %d bytes", mostBody)
		return
	}
	options := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: one.answer.Request, Route: &routers.Route{
			Spec: contract.T, Path: one.Path, PathItem: one.item, Method: http.MethodPost, Operation: one.operation,
		}},
		Status: got, Header: header, Body: io.NopCloser(bytes.NewReader(one.body)), Options: options,
	})
	one.add(err)
}

// add lists what kin-openapi found, by place. Of a wrong value it says what is wrong with it, and not the value.
func (one *cell) add(err error) {
	var (
		several openapi3.MultiError
		value   *openapi3.SchemaError
		answer  *openapi3filter.ResponseError
		decode  *openapi3filter.ParseError
	)
	switch {
	case err == nil:
	case errors.As(err, &several) && len(several) > 0:
		for _, each := range several {
			one.add(each)
		}
	case errors.As(err, &value):
		one.deviates("/"+strings.Join(value.JSONPointer(), "/"), "%s", value.Reason)
	case errors.As(err, &decode):
		one.deviates("body", "it cannot be read as %s", one.answer.Header.Get("Content-Type"))
	case errors.As(err, &answer):
		if answer.Err != nil {
			one.deviates("body", "%s", answer.Reason)
		} else if !slices.ContainsFunc(one.deviations, func(d deviation) bool { return d.Place == "header Content-Type" }) {
			one.deviates("header Content-Type", "%s", answer.Reason)
		}
	default:
		one.deviates("body", "%v", err)
	}
}
