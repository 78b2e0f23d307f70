package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"
	"sigs.k8s.io/yaml"
)

const module = "github.com/partnercenter-go/generatetoken"

// block is a fenced block of the README.
type block struct {
	language, text string
	line           int
}

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, at := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllSubmatchIndex(readme, -1) {
		blocks = append(blocks, block{
			language: string(readme[at[2]:at[3]]), text: string(readme[at[4]:at[5]]), line: strings.Count(string(readme[:at[0]]), "\n") + 1,
		})
	}
	if len(blocks) < 8 {
		t.Fatalf("found %d blocks", len(blocks))
	}
	return blocks
}

// Every block of the README is compiled, run or parsed, by its language.
func TestREADME_BlocksWork(t *testing.T) {
	check := map[string]func(*testing.T, string){
		"go": compile, "console": runCommands, "sh": runCommands, "yaml": checkYAML, "mermaid": parseMermaid,
		"": func(*testing.T, string) {}, // what a program printed; nothing to run
	}
	for _, b := range readmeBlocks(t) {
		t.Run(fmt.Sprintf("line %d, %s", b.line, b.language), func(t *testing.T) {
			f, ok := check[b.language]
			if !ok {
				t.Fatalf("no way to check %q", b.language)
			}
			f(t, b.text)
		})
	}
}

// compile compiles a block as the body of a function in the client's own module.
func compile(t *testing.T, code string) {
	dir, err := os.MkdirTemp("..", "_readme-") //nolint:usetesting // within the module, where the go command looks by itself into no such folder
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source := `package readme

import (
	"context"
	"log"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"` + module + `/emulator"
	"` + module + `/wrapper"
	"` + module + `/wrapper/azureauth"
)

var _ = []any{log.Fatal, azidentity.NewDefaultAzureCredential, emulator.Start, wrapper.NewClient, azureauth.Bearer}

func block(ctx context.Context, req *http.Request) error {
` + code + `
	_ = err
	return nil
}
`
	if strings.Contains(code, "server, err") {
		source = strings.Replace(source, "\t_ = err\n", "\t_, _ = server, err\n", 1)
	}
	file := filepath.Join(dir, "readme.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", filepath.Join(filepath.Base(dir), "readme.go"))
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// runCommands runs the commands of a block, in a folder with what they name, against an emulator in place of the service.
func runCommands(t *testing.T, text string) {
	var script []string
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if !isCommand && strings.Contains(text, "$ ") {
			continue // what a command printed
		}
		command, _, _ = strings.Cut(command, " # ")
		script = append(script, strings.TrimSpace(command))
	}
	var run []string
	for _, command := range script {
		words := strings.Fields(command)
		switch {
		case words[0] == "git" && words[1] == "clone":
			if words[2] != "https://"+module {
				t.Errorf("%s clones something else", command)
			}
		case words[0] == "go" && (words[1] == "get" || words[1] == "install"):
			path, _, _ := strings.Cut(words[2], "@") // there is no release to get yet; the package is there
			build := exec.CommandContext(t.Context(), "go", "list", path)
			build.Dir = ".."
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", command, err, out)
			}
		case words[0] == "make":
			ci, err := os.ReadFile("../.ci/run")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(ci), "make "+words[1]) {
				t.Errorf("CI does not run %q", command)
			}
		default:
			run = append(run, command)
		}
	}
	runScript(t, run)
}

// runScript runs lines in bash. pctoken is the real one, sent to an emulator where it would ask the real service.
func runScript(t *testing.T, lines []string) {
	if len(lines) == 0 {
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	_ = listener.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"bin/pctoken": `#!/bin/sh
case "$1 $*" in
  get*--emulator*|serve*|completion*) exec ` + pctoken + ` "$@" ;;
  *) command=$1; shift; exec ` + pctoken + ` "$command" --url ` + serve(t, 1)[0] + ` "$@" ;;
esac
`,
		"report.sh": "#!/bin/sh\ntest -n \"$PARTNERCENTER_ACCESS_TOKEN\"\n",
		"token.txt": "an-entra-access-token\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := "set -e\n"
	for _, line := range lines {
		if strings.HasPrefix(line, "pctoken serve") {
			line = strings.TrimSuffix(line, "&") + " &\nserving=$!\nuntil curl -s -o serving http://" + free + "/healthz; do sleep 0.1; done"
			if !strings.Contains(strings.Join(lines, "\n"), "curl") {
				line += "\nkill $serving; wait $serving"
			}
		}
		script += strings.ReplaceAll(line, "127.0.0.1:8080", free) + "\n"
	}
	script += "kill $serving 2>/dev/null || true; wait\n"
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "PARTNERCENTER_BEARER="+entraToken(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, script, out)
	}
}

// entraToken is a bearer that nobody signed in for.
func entraToken(t *testing.T) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": "https://api.partnercenter.microsoft.com", "exp": time.Now().Add(time.Hour).Unix(), "tid": "a-tenant", "appid": "an-application",
	}).SignedString([]byte("a key"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// checkYAML reads a block, and runs the steps of a workflow.
func checkYAML(t *testing.T, text string) {
	var steps []struct{ Run string }
	if err := yaml.UnmarshalStrict([]byte(text), &steps); err == nil {
		for _, step := range steps {
			var lines []string
			for line := range strings.Lines(step.Run) {
				if !strings.HasPrefix(line, "go install") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			runScript(t, lines)
		}
		return
	}
	var compose struct {
		Services map[string]struct {
			Image, Command, Build string
			Network               string `json:"network_mode"`
			Environment           map[string]string
		}
	}
	if err := yaml.UnmarshalStrict([]byte(text), &compose); err != nil {
		t.Fatal(err)
	}
	service := compose.Services["partner-center"]
	command, ok := strings.CutPrefix(service.Command, "go run "+module+"/cmd/pctoken@latest ")
	if !ok || service.Network != "service:app" {
		t.Fatalf("got %+v", compose)
	}
	runScript(t, []string{"pctoken " + command})
}

// parseMermaid has Mermaid itself read a picture, in the browser, and leaves what it draws.
func parseMermaid(t *testing.T, text string) {
	page := browse(t, "about:blank")
	library, err := os.ReadFile("node_modules/mermaid/dist/mermaid.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(page.ctx, chromedp.Evaluate[int](string(library)+"; 0")); err != nil {
		t.Fatal(err)
	}
	draw := fmt.Sprintf("mermaid.initialize({startOnLoad: false}); mermaid.render('picture', %q).then(p => { document.body.innerHTML = p.svg; return 'drawn' })", text)
	drawn, err := chromedp.Run(page.ctx, chromedp.Evaluate[string](draw, chromedp.EvalAwaitPromise))
	if err != nil || drawn != "drawn" {
		t.Errorf("%q, %v", drawn, err)
	}
	page.picture("flow")
}
