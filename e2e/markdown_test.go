package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// document is a Markdown file of the repository.
type document struct {
	path   string // from the repository's root
	source []byte
	root   ast.Node
}

// block is a fenced block of a document.
type block struct {
	language, text string
	line           int
}

func documents(t *testing.T) []document {
	t.Helper()
	var found []document
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || name == ".git" || name == "bin" || name == "dist"):
			return filepath.SkipDir
		case filepath.Ext(name) != ".md":
			return nil
		}
		found = append(found, read(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) document {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	markdown := goldmark.New(goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	return document{strings.TrimPrefix(filepath.ToSlash(path), "../"), source, markdown.Parser().Parse(text.NewReader(source))}
}

// walk calls f for every node, from top to bottom.
func (d document) walk(f func(ast.Node)) {
	_ = ast.Walk(d.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			f(n)
		}
		return ast.WalkContinue, nil
	})
}

// lineOf returns the number of the line in which a node with lines begins.
func (d document) lineOf(n ast.Node) int {
	if n.Lines().Len() == 0 {
		return 0
	}
	return bytes.Count(d.source[:n.Lines().At(0).Start], []byte("\n")) + 1
}

func (d document) blocks(t *testing.T) []block {
	t.Helper()
	var blocks []block
	d.walk(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.CodeBlock:
			t.Errorf("%s:%d: a block by indentation: a fence can name its language", d.path, d.lineOf(n))
		case *ast.FencedCodeBlock:
			blocks = append(blocks, block{string(n.Language(d.source)), string(n.Lines().Value(d.source)), d.lineOf(n)})
		}
	})
	return blocks
}

// Every block of every document is compiled, run or parsed, by its language.
func TestMarkdown_BlocksWork(t *testing.T) {
	check := map[string]func(*testing.T, string){
		"go": compile, "console": runCommands, "sh": runCommands, "yaml": checkYAML, "mermaid": parseMermaid,
		"text": func(*testing.T, string) {}, // what a program printed; nothing to run
	}
	for _, d := range documents(t) {
		for _, b := range d.blocks(t) {
			t.Run(fmt.Sprintf("%s:%d, %s", d.path, b.line, b.language), func(t *testing.T) {
				f, ok := check[b.language]
				if !ok {
					t.Fatalf("no way to check a block of language %q; output of a program is text", b.language)
				}
				f(t, b.text)
			})
		}
	}
}

// A link within the repository leads to a file that is there, and to a heading that is there.
func TestMarkdown_LinksLeadSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		d.walk(func(n ast.Node) {
			var to string
			switch n := n.(type) {
			case *ast.Link:
				to = string(n.Destination)
			case *ast.Image:
				to = string(n.Destination)
			}
			u, err := url.Parse(to)
			if err != nil {
				t.Errorf("%s: %q: %v", d.path, to, err)
				return
			}
			if to == "" || u.IsAbs() {
				return
			}
			path := filepath.Join("..", d.path)
			if u.Path != "" {
				path = filepath.Join(filepath.Dir(path), u.Path)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", d.path, to)
				return
			}
			if u.Fragment != "" && !slices.Contains(read(t, path).headings(), u.Fragment) {
				t.Errorf("%s links to %s, but there is no such heading", d.path, to)
			}
		})
	}
}

// headings returns the ids by which links name the document's headings.
func (d document) headings() []string {
	var ids []string
	d.walk(func(n ast.Node) {
		if h, ok := n.(*ast.Heading); ok {
			id, _ := h.AttributeString("id")
			ids = append(ids, string(id.([]byte)))
		}
	})
	return ids
}

func TestREADME_IsReadInTenMinutes(t *testing.T) {
	const most = 200
	if lines := bytes.Count(read(t, "../README.md").source, []byte("\n")); lines > most {
		t.Errorf("README.md has %d lines, more than %d: what is looked up later has a document beside what it is about", lines, most)
	}
}

// The parts of a fault are listed as the program lists them.
func TestEmulatorREADME_ListsThePartsOfAFault(t *testing.T) {
	if !strings.Contains(string(read(t, "../emulator/README.md").source), "```text\n"+emulator.FaultHelp()+"```\n") {
		t.Errorf("emulator/README.md has other parts than:\n%s", emulator.FaultHelp())
	}
}

// The table of dependencies has all that a module or the npm package asks for itself.
func TestContributing_NamesEveryDependency(t *testing.T) {
	contributing := strings.ToLower(string(read(t, "../CONTRIBUTING.md").source))
	name := regexp.MustCompile(`(?m)^(?:require |\t)(\S+) v\S+$|^ {4}"([^"]+)": "\d`)
	for _, file := range []string{"../go.mod", "go.mod", "../bench/go.mod", "package.json"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := name.FindAllStringSubmatch(string(content), -1)
		if len(all) == 0 {
			t.Errorf("%s: no dependency found", file)
		}
		for _, match := range all {
			dependency := strings.ToLower(match[1] + match[2])
			path := regexp.MustCompile(`/v\d+$`).ReplaceAllString(dependency, "")
			place := path
			if parts := strings.Split(path, "/"); parts[0] == "github.com" { // of a repository with many modules the link is enough
				place = parts[1] + "/" + parts[2]
			}
			last := regexp.MustCompile(`\b` + regexp.QuoteMeta(filepath.Base(path)) + `\b`)
			if dependency == module || strings.Contains(contributing, place) && last.MatchString(contributing) {
				continue
			}
			t.Errorf("CONTRIBUTING.md does not say what %s of %s is for", dependency, file)
		}
	}
}
