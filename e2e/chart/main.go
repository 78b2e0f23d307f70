// Command chart makes calls that meet faults, and draws when each attempt was and what came of it: wrapper/README.md's picture
// of retries. Run it with make chart.
package main

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// calls are what is drawn, a row for each.
var calls = []struct{ title, faults string }{
	{"nothing goes wrong", ""},
	{"500 twice", "500 500"},
	{"429, Retry-After: 2", "429:retry-after=2"},
	{"a connection that is reset", "reset"},
	{"a token that is cut off", "truncate"},
	{"503 for as long as it takes", "503:every=1"},
	{"429, Retry-After: 120", "429:retry-after=120"},
	{"403", "403"},
}

// attempt is one of a call's, in time since the call began.
type attempt struct {
	begin, end time.Duration
	outcome    string
}

type row struct {
	title    string
	attempts []attempt
	result   string
	took     time.Duration
}

func main() {
	rows := make([]row, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			var err error
			if rows[i], err = run(call.title, call.faults); err != nil {
				fmt.Fprintln(os.Stderr, "chart: "+err.Error())
				os.Exit(1)
			}
		})
	}
	wg.Wait()
	fmt.Print(draw(rows))
}

// watch is a log handler that notes when attempts ended.
type watch struct {
	slog.Handler
	ends     []time.Time
	outcomes []string
}

func (*watch) Enabled(context.Context, slog.Level) bool { return true }

func (w *watch) Handle(_ context.Context, r slog.Record) error {
	w.ends = append(w.ends, r.Time)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "outcome" {
			w.outcomes = append(w.outcomes, a.Value.String())
		}
		return true
	})
	return nil
}

func run(title, specs string) (row, error) {
	var faults []emulator.Fault
	for spec := range strings.FieldsSeq(specs) {
		fault, err := emulator.ParseFault(spec)
		if err != nil {
			return row{}, err
		}
		fault.Delay = 120 * time.Millisecond // as far away as a service is
		faults = append(faults, fault)
	}
	faults = append(faults, emulator.Fault{Delay: 120 * time.Millisecond, Every: 1})
	server, err := emulator.Start(emulator.WithFaults(faults...))
	if err != nil {
		return row{}, err
	}
	defer server.Close()
	w := &watch{Handler: slog.DiscardHandler}
	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer"), wrapper.WithBaseURL(server.URL),
		wrapper.WithHTTPClient(server.Client()), wrapper.WithLogger(slog.New(w)))
	if err != nil {
		return row{}, err
	}
	began := time.Now()
	_, err = client.GenerateToken(context.Background())
	r := row{title: title, result: "token", took: time.Since(began)}
	if err != nil {
		r.result = "error"
	}
	for i, request := range server.Requests() {
		r.attempts = append(r.attempts, attempt{request.Time.Sub(began), w.ends[i].Sub(began), w.outcomes[i]})
	}
	return r, nil
}

const (
	left, width, height, top = 210, 560, 30, 44
	right                    = 90
)

// draw makes an SVG that is light or dark as the reader's screen is.
func draw(rows []row) string {
	var longest time.Duration
	for _, r := range rows {
		longest = max(longest, r.took)
	}
	seconds := int(longest/time.Second) + 1
	x := func(d time.Duration) float64 { return left + width*d.Seconds()/float64(seconds) }
	bottom := top + height*len(rows)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="t">
<title id="t">Attempts of calls that meet faults, over time</title>
<style>
  .page { fill: #fff } text { fill: #1c1c1c } .dim { fill: #595959 } .grid { stroke: #d8d8d8 } .wait { stroke: #8a8a8a; stroke-dasharray: 3 3 }
  .good { fill: #1a7f42 } .bad { fill: #c0392b }
  @media (prefers-color-scheme: dark) {
    .page { fill: #151515 } text { fill: #e8e8e8 } .dim { fill: #a8a8a8 } .grid { stroke: #3a3a3a } .wait { stroke: #8a8a8a }
    .good { fill: #5fce86 } .bad { fill: #ff8f85 }
  }
</style>
<rect class="page" width="100%%" height="100%%" rx="6"/>
`, left+width+right, bottom+40)
	for s := range seconds + 1 {
		at := x(time.Duration(s) * time.Second)
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="dim" x="%.1f" y="%d" text-anchor="middle">%d s</text>`+"\n",
			at, top-14, at, bottom, at, bottom+20, s)
	}
	fmt.Fprintf(&b, `<text class="dim" x="16" y="22">one call a row; red is an attempt that failed, green one that brought the token, dashes are waits</text>`+"\n")
	for i, r := range rows {
		middle := float64(top + height*i + height/2 - 8)
		fmt.Fprintf(&b, `<text x="16" y="%.1f">%s</text>`+"\n", middle+5, html.EscapeString(r.title))
		for n, a := range r.attempts {
			class := "bad"
			if r.result == "token" && n == len(r.attempts)-1 {
				class = "good"
			}
			if n > 0 {
				fmt.Fprintf(&b, `<line class="wait" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", x(r.attempts[n-1].end), middle, x(a.begin), middle)
			}
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="14" rx="2"><title>%s</title></rect>`+"\n",
				class, x(a.begin), middle-7, max(3, x(a.end)-x(a.begin)), html.EscapeString(a.outcome))
		}
		fmt.Fprintf(&b, `<text class="dim" x="%.1f" y="%.1f">%s</text>`+"\n", x(r.took)+8, middle+5, r.result)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
