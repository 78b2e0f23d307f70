// Command mutate shows that the tests bite: it breaks the contract and the wrapper, one fact at a time, each in a copy
// of its own, and fails unless the tests fail for every one of them. Run it by make mutate.
//
// It is the project's own, because the mutation testers for Go change operators (== to !=), and what is to be shown is
// about facts: a header that is gone, a new request id on each attempt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

func main() {
	only := flag.String("only", "", "regular expression for the names of the mutations to make")
	flag.Parse()
	if err := mutate(*only); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

var ctx, _ = signal.NotifyContext(context.Background(), os.Interrupt)

func mutate(only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	// Unbroken, and through the same conversions, everything has to pass: or a failure would prove nothing.
	baseline := mutation{tests: []string{"./api", "./wrapper"}, apply: func(dir string) error {
		return editContract(dir, func(document []byte) ([]byte, error) { return document, nil })
	}}
	if killers, err := try(filepath.Join(scratch, "baseline"), baseline); err != nil {
		return err
	} else if len(killers) > 0 {
		return fmt.Errorf("the tests fail already with nothing broken: %v", killers)
	}

	all := slices.Concat(contractMutations, proseMutations, boundMutations, wrapperMutations)
	mutations := slices.DeleteFunc(slices.Clone(all), func(m mutation) bool { return !wanted.MatchString(m.name) })
	if len(mutations) == 0 {
		return fmt.Errorf("no mutation's name matches %q", only)
	}
	queue := make(chan mutation)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		killed  int
		failed  []error
	)
	for i := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			// A worker keeps its folder, so that the build cache knows what a mutation left alone.
			dir := filepath.Join(scratch, fmt.Sprint(i))
			for m := range queue {
				killers, err := try(dir, m)
				mu.Lock()
				switch {
				case errors.As(err, new(notApplicable)):
					fmt.Printf("DOES NOT APPLY  %s: %v\n", m.name, err)
				case err != nil:
					failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
				case len(killers) == 0:
					fmt.Printf("SURVIVED  %s\n", m.name)
				default:
					killed++
					fmt.Printf("killed    %s, by %s\n", m.name, strings.Join(killers, ", "))
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range mutations {
		if ctx.Err() == nil {
			queue <- m
		}
	}
	close(queue)
	workers.Wait()
	fmt.Printf("mutations: %d of %d killed (there are %d of the contract's structure, %d of its prose, %d of its bounds and "+
		"%d of the wrapper)\n", killed, len(mutations),
		len(contractMutations), len(proseMutations), len(boundMutations), len(wrapperMutations))
	if killed < len(mutations) {
		failed = append(failed, errors.New("not every mutation was killed: one that survived wants a test, "+
			"one that does not apply has to follow what it was written for"))
	}
	return errors.Join(failed...)
}

// try makes a mutation in a fresh copy and returns the names of the tests that failed for it. A copy that does not
// compile fails no test.
func try(dir string, m mutation) ([]string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum", "generate.go", "tools.go", "api", "gen", "wrapper", "emulator"} {
		if err := copyTree(filepath.Join(dir, name), filepath.Join("..", name)); err != nil {
			return nil, err
		}
	}
	if err := m.apply(dir); err != nil {
		return nil, err
	}
	out, err := run(dir, "go", append([]string{"test", "-vet=off", "-trimpath", "-timeout=3m"}, m.tests...)...)
	var failures []string
	for _, match := range regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllStringSubmatch(out, -1) {
		failures = append(failures, match[1])
	}
	switch {
	case strings.Contains(out, "panic: test timed out"):
		failures = append(failures, "the time limit")
	case len(failures) == 0 && regexp.MustCompile(`(?m)^panic: `).MatchString(out):
		failures = append(failures, "a panic that ended the tests")
	}
	if err != nil && len(failures) == 0 {
		return nil, fmt.Errorf("no test ran: %w\n%s", err, out)
	}
	return failures, nil
}

func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
}

func run(dir, command string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
