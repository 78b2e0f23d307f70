// Command report runs the benchmarks again and again, interleaved, and prints the medians as one table, with each one's
// ratio to the first of its group. It can write the table into a file and hold the ratios against bounds.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

func main() {
	count := flag.Int("count", 30, "how often each benchmark is run")
	benchtime := flag.String("benchtime", "50ms", "how long each run of a benchmark takes")
	match := flag.String("bench", ".", "regular expression for the benchmarks to run")
	write := flag.String("write", "", "file to write the table into, between its markers")
	check := flag.String("check", "", "file of bounds for the ratios")
	flag.Parse()
	if err := report(*match, *benchtime, *count, *write, *check); err != nil {
		fmt.Fprintln(os.Stderr, "report: "+err.Error())
		os.Exit(1)
	}
}

func report(match, benchtime string, count int, write, check string) error {
	results, machine, err := run(match, benchtime, count)
	if err != nil {
		return err
	}
	table := results.table(machine)
	fmt.Print(table)
	if write != "" {
		if err := between(write, table); err != nil {
			return err
		}
	}
	if check != "" {
		return results.check(check)
	}
	return nil
}

// result is the medians of one benchmark.
type result struct {
	group, name   string
	ns, b, allocs float64
}

// results are in the order in which the benchmarks ran; a group's first is its floor.
type results []*result

// run compiles the benchmarks and runs all of them count times: a disturbance of the machine meets all alike.
func run(match, benchtime string, count int) (results, string, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bench.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, "", err
	}
	var (
		order   results
		values  = map[string]map[string][]float64{}
		machine string
	)
	for i := range count {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", i+1, count)
		cmd := exec.Command(binary, "-test.run", "^$", "-test.bench", match, "-test.benchtime", benchtime)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, "", fmt.Errorf("%w: %s", err, out)
		}
		reader := benchfmt.NewReader(bytes.NewReader(out), "bench")
		for reader.Scan() {
			line, ok := reader.Result().(*benchfmt.Result)
			if !ok {
				continue
			}
			machine = line.GetConfig("cpu")
			name := strings.ReplaceAll(regexp.MustCompile(`^[^/]+/|-\d+$`).ReplaceAllString(line.Name.String(), ""), "_", " ")
			if values[name] == nil {
				values[name] = map[string][]float64{}
				group, peer, _ := strings.Cut(name, "/")
				order = append(order, &result{group: group, name: peer})
			}
			for _, v := range line.Values {
				unit, value := v.Unit, v.Value
				if v.OrigUnit != "" {
					unit, value = v.OrigUnit, v.OrigValue
				}
				values[name][unit] = append(values[name][unit], value)
			}
		}
		if err := reader.Err(); err != nil {
			return nil, "", err
		}
	}
	if len(order) == 0 {
		return nil, "", errors.New("no benchmark ran")
	}
	for _, r := range order {
		v := values[r.group+"/"+r.name]
		r.ns, r.b, r.allocs = median(v["ns/op"]), median(v["B/op"]), median(v["allocs/op"])
	}
	return order, fmt.Sprintf("%s, %d cores, %s, %s/%s", machine, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH), nil
}

func median(values []float64) float64 {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95).Center
}

// floor returns the first of a group.
func (rs results) floor(group string) *result {
	for _, r := range rs {
		if r.group == group {
			return r
		}
	}
	return nil
}

func (rs results) find(group, name string) *result {
	for _, r := range rs {
		if r.group == group && r.name == name {
			return r
		}
	}
	return nil
}

func (rs results) groups() []string {
	var groups []string
	for _, r := range rs {
		if rs.floor(r.group) == r {
			groups = append(groups, r.group)
		}
	}
	return groups
}

func (rs results) table(machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians on %s; %s.\n", machine, time.Now().UTC().Format(time.DateOnly))
	b.WriteString("\n| | time | ratio | B/op | allocs/op |\n|---|--:|--:|--:|--:|\n")
	for _, group := range rs.groups() {
		fmt.Fprintf(&b, "| **%s** | | | | |\n", group)
		floor := rs.floor(group)
		for _, r := range rs {
			if r.group == group {
				fmt.Fprintf(&b, "| %s | %s | %.2f | %.0f | %.0f |\n", r.name, short(r.ns), r.ns/floor.ns, r.b, r.allocs)
			}
		}
	}
	return b.String()
}

func short(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}

// between writes the table between the markers of a file.
func between(file, table string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	const begin, end = "<!-- bench -->\n", "<!-- /bench -->"
	before, rest, ok := strings.Cut(string(content), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %s and %s", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(before+begin+table+end+after), 0o644)
}

// bound is the most that one benchmark may cost, as a ratio to another of its group.
type bound struct {
	Group, Name, To string
	Time, Allocs    float64 // 0 is no bound
}

// ratio is 1 where both are nothing, and beyond any bound where only the other is.
func ratio(a, b float64) float64 {
	if a == 0 && b == 0 {
		return 1
	}
	return a / b
}

func (rs results) check(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var bounds []bound
	if err := decoder.Decode(&bounds); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	for _, b := range bounds {
		r, to := rs.find(b.Group, b.Name), rs.find(b.Group, b.To)
		if r == nil || to == nil {
			errs = append(errs, fmt.Errorf("%s: there is no %q or no %q", b.Group, b.Name, b.To))
			continue
		}
		if got := ratio(r.ns, to.ns); b.Time > 0 && got > b.Time {
			errs = append(errs, fmt.Errorf("%s: %s takes %.2f times as long as %s, more than %.2f", b.Group, b.Name, got, b.To, b.Time))
		}
		if got := ratio(r.allocs, to.allocs); b.Allocs > 0 && got > b.Allocs {
			errs = append(errs, fmt.Errorf("%s: %s allocates %.2f times as often as %s, more than %.2f", b.Group, b.Name, got, b.To, b.Allocs))
		}
	}
	if len(errs) == 0 {
		fmt.Printf("%d bounds hold\n", len(bounds))
	}
	return errors.Join(errs...)
}
