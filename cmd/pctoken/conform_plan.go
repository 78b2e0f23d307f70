package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/partnercenter-go/generatetoken/api"
	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// contract is what the answers are held against.
type contract struct{ *openapi3.T }

func loadContract() (contract, error) {
	document, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return contract{}, fmt.Errorf("reading the contract: %w", err)
	}
	// The emulator teaches kin-openapi to read text/json and XML.
	if _, err := emulator.New(); err != nil {
		return contract{}, err
	}
	for mediaType := range document.Components.Responses["OK"].Value.Content {
		if openapi3filter.RegisteredBodyDecoder(mediaType) == nil {
			return contract{}, fmt.Errorf("no decoder for %s", mediaType)
		}
	}
	return contract{document}, nil
}

// purpose is what a request is made for.
type purpose string

const (
	purposeToken     purpose = "a token"
	purposeSameID    purpose = "the request id before once more"
	purposeNoIDs     purpose = "no ids"
	purposeMFA       purpose = "ValidateMfa: true"
	purposeBadGrant  purpose = "an unsupported grant"
	purposeNoBearer  purpose = "no bearer"
	purposeWrongPath purpose = "a path that is not there"
)

// probe is one request, and the status that the contract has for it.
type probe struct {
	Operation    string  `json:"operation"`
	Path         string  `json:"path"`
	Purpose      purpose `json:"purpose"`
	RequestType  string  `json:"requestType"`
	ResponseType string  `json:"responseType"`
	Expected     int     `json:"expected"`

	item      *openapi3.PathItem
	operation *openapi3.Operation
}

const (
	typeForm = string(wrapper.MediaTypeForm)
	typeJSON = string(wrapper.MediaTypeJSON)
)

// plan returns the requests to make. First come those that answer the most, for whoever sends only some.
func (c contract) plan() []probe {
	var first, rest []probe
	for _, path := range c.Paths.InMatchingOrder() {
		item := c.Paths.Value(path)
		op := item.Post
		probeOf := func(p purpose, requestType, responseType string, expected int) probe {
			return probe{op.OperationID, path, p, requestType, responseType, expected, item, op}
		}
		first = append(first,
			probeOf(purposeToken, typeForm, typeJSON, http.StatusOK),
			probeOf(purposeSameID, typeForm, typeJSON, http.StatusOK),
			probeOf(purposeNoIDs, typeForm, typeJSON, http.StatusOK),
			probeOf(purposeMFA, typeForm, typeJSON, http.StatusOK),
			probeOf(purposeWrongPath, typeForm, typeJSON, http.StatusNotFound),
		)
		for _, p := range []struct {
			purpose  purpose
			expected int
		}{{purposeBadGrant, http.StatusBadRequest}, {purposeNoBearer, http.StatusUnauthorized}} {
			for _, responseType := range mediaTypes(op.Responses.Status(p.expected).Value.Content) {
				first = append(first, probeOf(p.purpose, typeForm, responseType, p.expected))
			}
		}
		for _, responseType := range mediaTypes(op.Responses.Status(http.StatusOK).Value.Content) {
			for _, requestType := range mediaTypes(op.RequestBody.Value.Content) {
				if requestType != typeForm || responseType != typeJSON { // which is there already
					rest = append(rest, probeOf(purposeToken, requestType, responseType, http.StatusOK))
				}
			}
		}
	}
	return append(first, rest...)
}

func mediaTypes(content openapi3.Content) []string { return slices.Sorted(maps.Keys(content)) }

// legacy reports whether the wrapper calls the probe's operation the legacy one.
func (p probe) legacy() bool { return p.operation.Deprecated }

func printPlan(w io.Writer, service string, probes []probe, most int, pause time.Duration) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tREQUEST\tCONTENT-TYPE\tACCEPT\tFOR\tEXPECTED")
	for i, p := range probes {
		if i == most {
			fmt.Fprintln(table, "\t--max-requests leaves out what follows")
		}
		fmt.Fprintf(table, "%d\tPOST %s\t%s\t%s\t%s\t%d\n", i+1, p.Path, p.RequestType, p.ResponseType, p.Purpose, p.Expected)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	sent := min(len(probes), most)
	_, err := fmt.Fprintf(w, "\n%d requests to %s, which takes at least %s. Nothing was sent.\n",
		sent, strings.TrimSuffix(service, "/"), time.Duration(sent-1)*pause)
	return err
}
