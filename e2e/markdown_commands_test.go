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

	"github.com/golang-jwt/jwt/v5"
)

// commandsOf returns the commands of a block, without comments and without what they printed.
func commandsOf(text string) []string {
	var commands []string
	session := strings.HasPrefix(text, "$ ")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		command, typed := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if session && !typed || command == "" {
			continue
		}
		command, _, _ = strings.Cut(command, " # ")
		commands = append(commands, strings.TrimSpace(command))
	}
	return commands
}

// runCommands runs the commands of a block, in a folder with what they name, against an emulator in place of the service.
func runCommands(t *testing.T, text string) {
	var run []string
	for _, command := range commandsOf(text) {
		words := strings.Fields(command)
		switch {
		case words[0] == "git" && words[1] == "clone":
			if words[2] != "https://"+module {
				t.Errorf("%s clones something else", command)
			}
		case words[0] == "go" && (words[1] == "get" || words[1] == "install" || words[1] == "run"):
			path, _, _ := strings.Cut(words[2], "@") // there is no release to get yet; the package is there
			list := exec.CommandContext(t.Context(), "go", "list", path)
			list.Dir = ".."
			if out, err := list.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", command, err, out)
			}
		case words[0] == "make":
			ci, err := os.ReadFile("../.ci/run")
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`(?m)^make ` + regexp.QuoteMeta(words[1]) + `\b`).Match(ci) {
				t.Errorf("CI does not run %q", command)
			}
		default:
			run = append(run, command)
		}
	}
	runScript(t, run)
}

// pretended is the program as commands find it: the real one, sent to an emulator where it would ask the real service.
const pretended = `#!/bin/sh
case " $* " in
  *" --url "*|*" --emulator "*|" serve "*|" login "*|" completion "*|" version "*|*" --version "*) exec %[1]s "$@" ;;
  *) command=$1; shift; exec %[1]s "$command" --url %[2]s "$@" ;;
esac
`

// runScript runs lines in bash. A line that serves has come up before the next is run, and is ended with the script.
func runScript(t *testing.T, lines []string) {
	if len(lines) == 0 {
		return
	}
	service := serve(t, 2, "--entra", "--sign-in", "mfa")
	dir := t.TempDir()
	for name, content := range map[string]string{
		"bin/pctoken": fmt.Sprintf(pretended, pctoken, service[0]),
		"report.sh":   "#!/bin/sh\ntest -n \"$PARTNERCENTER_ACCESS_TOKEN\"\n",
		"token.txt":   "an-entra-access-token\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := "set -e\nserving=\ntrap 'code=$?; for p in $serving; do kill $p; done; wait; exit $code' EXIT\n"
	for _, line := range lines {
		if strings.HasPrefix(line, "pctoken serve") {
			line = strings.TrimSuffix(line, "&") + ` & serving="$serving $!"` +
				"\nfor i in $(seq 100); do curl -ks --max-time 1 -o /dev/null " + healthz(line) + " && break; sleep 0.1; done; kill -0 $!"
		}
		script += line + "\n"
	}
	for _, port := range []string{"8080", "8443"} {
		script = regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0):`+port).ReplaceAllString(script, "${1}:"+freePort(t))
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "PARTNERCENTER_BEARER="+entraToken(t),
		"AZURE_AUTHORITY_HOST="+service[0], "SSL_CERT_FILE="+service[1])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, script, out)
	}
}

// healthz returns where a line that serves says that it is there.
func healthz(line string) string {
	scheme := "http"
	if strings.Contains(line, "--tls") || strings.Contains(line, "--entra") {
		scheme = "https"
	}
	address := regexp.MustCompile(`--listen (\S+)`).FindStringSubmatch(line)
	if address == nil {
		return scheme + "://127.0.0.1:0" // on a port that nobody can know: the script fails
	}
	return scheme + "://" + strings.Replace(address[1], "0.0.0.0", "127.0.0.1", 1) + "/healthz"
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// entraToken returns a bearer that nobody signed in for.
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
