// Command weight prints what importing a package adds to an empty program that uses net/http: packages, and bytes of the
// binary, stripped of what only debuggers read.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/partnercenter-go/generatetoken"

// programs use one name of each package, so that the linker keeps what comes with it. The first is the empty one.
var programs = []struct{ name, imports, use string }{
	{"net/http alone", ``, ``},
	{"gen", `"` + module + `/gen"`, `gen.NewClientWithResponses`},
	{"wrapper", `"` + module + `/wrapper"`, `wrapper.NewClient, wrapper.NewTokenSource, (*wrapper.Client).GenerateToken`},
	{"wrapper and oauth2auth", `"` + module + `/wrapper"; "` + module + `/wrapper/oauth2auth"`,
		`wrapper.NewClient, oauth2auth.TokenSource, oauth2auth.Bearer`},
	{"wrapper and azureauth", `"` + module + `/wrapper"; "` + module + `/wrapper/azureauth"`,
		`wrapper.NewClient, azureauth.Credential, azureauth.Bearer`},
	{"azidentity", `"github.com/Azure/azure-sdk-for-go/sdk/azidentity"`, `azidentity.NewClientSecretCredential`},
	{"resty", `"github.com/go-resty/resty/v2"`, `resty.New`},
}

func main() {
	if err := weigh(); err != nil {
		fmt.Fprintln(os.Stderr, "weight: "+err.Error())
		os.Exit(1)
	}
}

func weigh() error {
	// In the module's own folder, for its requirements; a folder that the go command does not look into by itself.
	dir, err := os.MkdirTemp(".", "_weight-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var emptyPackages, emptyBytes int64
	for i, p := range programs {
		source := fmt.Sprintf("package main\n\nimport (\n\"encoding/json\"; \"net/http\"; \"os\"; %s\n)\n\nvar use = []any{json.Unmarshal, http.DefaultClient.Do, %s}\n\nfunc main() { if len(os.Args) > 99 { println(use) } }\n",
			p.imports, p.use)
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			return err
		}
		binary := filepath.Join(dir, "program")
		if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, file).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", p.name, err, out)
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		deps, err := exec.Command("go", "list", "-deps", file).Output()
		if err != nil {
			return err
		}
		packages := int64(strings.Count(string(deps), "\n"))
		if i == 0 {
			emptyPackages, emptyBytes = packages, info.Size()
			fmt.Printf("%-24s %4d packages  %6.2f MiB\n", p.name, packages, mib(info.Size()))
			continue
		}
		fmt.Printf("%-24s %+4d packages  %+6.2f MiB\n", p.name, packages-emptyPackages, mib(info.Size()-emptyBytes))
	}
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
