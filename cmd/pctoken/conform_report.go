package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// conformReport is what conform found, without secrets.
type conformReport struct {
	Program  string         `json:"program"`
	Service  string         `json:"service"`
	Sent     int            `json:"sent"`
	NotSent  int            `json:"notSent"`
	Cells    []reportedCell `json:"cells"`
	Unknowns []unknown      `json:"unknowns"`
}

type reportedCell struct {
	probe
	Status        int         `json:"status"` // 0: no answer came
	RequestID     string      `json:"requestId,omitempty"`
	CorrelationID string      `json:"correlationId,omitempty"`
	Deviations    []deviation `json:"deviations"`
}

func (c *conformance) report(probes []probe) *conformReport {
	r := &conformReport{
		Program: programVersion(), Service: c.service, Sent: len(c.cells), NotSent: len(probes) - len(c.cells),
		Unknowns: c.unknowns(), Cells: []reportedCell{},
	}
	for _, one := range c.cells {
		reported := reportedCell{probe: one.probe, Status: one.status(), Deviations: []deviation{}}
		reported.Deviations = append(reported.Deviations, one.deviations...)
		if one.Purpose != purposeNoIDs {
			reported.RequestID, reported.CorrelationID = one.requestID.String(), one.correlationID.String()
		}
		r.Cells = append(r.Cells, reported)
	}
	return r
}

// answered reports whether any answer came.
func (r *conformReport) answered() bool {
	return slices.ContainsFunc(r.Cells, func(one reportedCell) bool { return one.Status != 0 })
}

// deviating is the number of cells that do not hold.
func (r *conformReport) deviating() int {
	n := 0
	for _, one := range r.Cells {
		if len(one.Deviations) > 0 {
			n++
		}
	}
	return n
}

// byPlace are the deviations, each with the numbers of its cells.
func (r *conformReport) byPlace() map[deviation][]string {
	places := map[deviation][]string{}
	for i, one := range r.Cells {
		for _, d := range one.Deviations {
			places[d] = append(places[d], strconv.Itoa(i+1))
		}
	}
	return places
}

func (r *conformReport) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r *conformReport) writeTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tOPERATION\tCONTENT-TYPE\tACCEPT\tFOR\tEXPECTED\tSTATUS\tRESULT")
	for i, one := range r.Cells {
		result := "holds"
		if n := len(one.Deviations); n > 0 {
			result = fmt.Sprintf("DEVIATES in %d", n)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			i+1, one.Operation, one.RequestType, one.ResponseType, one.Purpose, one.Expected, one.Status, result)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if places := r.byPlace(); len(places) > 0 {
		fmt.Fprintln(table, "\nDEVIATIONS\tPROBLEM\tIN")
		for _, d := range slices.SortedFunc(maps.Keys(places), func(a, b deviation) int {
			return cmp.Or(strings.Compare(a.Place, b.Place), strings.Compare(a.Problem, b.Problem))
		}) {
			fmt.Fprintf(table, "%s\t%s\t%s\n", d.Place, d.Problem, strings.Join(places[d], ", "))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w, "\nWhat no page says, and how many answers said it:"); err != nil {
		return err
	}
	for _, u := range r.Unknowns {
		fmt.Fprintf(table, "  %s\n", u.Question)
		if len(u.Answers) == 0 {
			fmt.Fprintln(table, "    0\tno answer says")
		}
		for _, answer := range slices.Sorted(maps.Keys(u.Answers)) {
			fmt.Fprintf(table, "    %d\t%s\n", u.Answers[answer], answer)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nconform: %d of %d cells hold, %d not sent\n", r.Sent-r.deviating(), r.Sent, r.NotSent)
	return err
}
