package e2e

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/partnercenter-go/generatetoken"

// imports are what a block of Go can name without importing it.
var imports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "io": "io", "log": "log", "os": "os",
	"slog": "log/slog", "testing": "testing", "time": "time",
	"api": module + "/api", "emulator": module + "/emulator", "gen": module + "/gen", "wrapper": module + "/wrapper",
	"azureauth": module + "/wrapper/azureauth", "oauth2auth": module + "/wrapper/oauth2auth", "sharedcache": module + "/wrapper/sharedcache",
	"azcore": "github.com/Azure/azure-sdk-for-go/sdk/azcore", "azidentity": "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
	"uuid": "github.com/google/uuid", "oauth2": "golang.org/x/oauth2",
	"redis": "github.com/redis/go-redis/v9", "valkey": "github.com/valkey-io/valkey-go",
	"clientcredentials": "golang.org/x/oauth2/clientcredentials", "microsoft": "golang.org/x/oauth2/microsoft",
}

// given are what a block of Go can use without declaring it: what its reader has.
var given = map[string]string{
	"ctx": "context.Context", "req": "*http.Request", "bearer": "wrapper.BearerFunc", "client": "*wrapper.Client",
	"source": "*wrapper.TokenSource", "err": "error", "store": "sharedcache.Store", "secret": "[]byte",
	"redisClient": "*redis.Client", "valkeyClient": "valkey.Client",
}

// compile vets a block of Go: a file or declarations as they are, statements as the body of a function that returns an
// error.
func compile(t *testing.T, code string) {
	source, needs, err := complete(code)
	if err != nil {
		t.Fatal(err)
	}
	in := ".."
	if strings.Contains(needs, "redis") || strings.Contains(needs, "valkey") {
		in = "." // the client's own module does not require these
	}
	dir, err := os.MkdirTemp(in, "_markdown-") //nolint:usetesting // within the module, where the go command looks by itself into no such folder
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := "block.go"
	if strings.Contains(needs, `"testing"`) {
		name = "block_test.go"
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", "-unreachable=false", "./"+filepath.Base(dir)+"/"+name)
	cmd.Dir = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, source)
	}
}

// complete makes a file of a block, with the imports that it needs.
func complete(code string) (source, needs string, err error) {
	if strings.HasPrefix(code, "package ") {
		return code, "", nil
	}
	const head = "package block\n"
	file, err := parser.ParseFile(gotoken.NewFileSet(), "", head+code, 0)
	if err != nil { // statements
		body := "func block() error {\n{\n" + code + "\n}\nreturn nil\n}\n"
		if file, err = parser.ParseFile(gotoken.NewFileSet(), "", head+body, 0); err != nil {
			return "", "", err
		}
		statements := file.Decls[0].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt).List
		parameters := parametersOf(file)
		code = "func block(" + parameters + ") error {\n{\n" + code + use(statements) + "\n}\nreturn nil\n}\n"
		if file, err = parser.ParseFile(gotoken.NewFileSet(), "", head+code, 0); err != nil {
			return "", "", err
		}
	}
	paths := map[string]bool{}
	for _, name := range file.Unresolved {
		if path, ok := imports[name.Name]; ok {
			paths[path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		needs += fmt.Sprintf("import %q\n", path)
	}
	return head + needs + code, needs, nil
}

func parametersOf(file *ast.File) string {
	free := map[string]bool{}
	for _, name := range file.Unresolved {
		if kind, ok := given[name.Name]; ok {
			free[name.Name+" "+kind] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(free)), ", ")
}

// use uses the variables that statements declare: a block may leave that to its reader.
func use(statements []ast.Stmt) string {
	used := ""
	for _, statement := range statements {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == gotoken.DEFINE {
			for _, left := range assign.Lhs {
				if name := left.(*ast.Ident).Name; name != "_" {
					used += "\n_ = " + name
				}
			}
		}
	}
	return used
}
