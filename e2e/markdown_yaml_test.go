package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// checkYAML reads a block as what it is for: a workflow of GitHub's or steps of one, services of Docker Compose, or objects
// of Kubernetes.
func checkYAML(t *testing.T, text string) {
	switch {
	case strings.HasPrefix(text, "jobs:"):
		checkWorkflow(t, text)
	case strings.HasPrefix(text, "- "):
		checkWorkflow(t, "jobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      "+strings.ReplaceAll(text, "\n", "\n      "))
	case strings.HasPrefix(text, "services:"):
		checkCompose(t, text)
	case strings.HasPrefix(text, "apiVersion:"):
		checkKubernetes(t, text)
	default:
		t.Fatal("it is neither a workflow, nor of Docker Compose, nor of Kubernetes")
	}
}

// checkKubernetes decodes objects into Kubernetes' own types, which refuses fields that these do not have, and has a shell
// read what a CronJob runs.
func checkKubernetes(t *testing.T, text string) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, rbacv1.AddToScheme, batchv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for object := range strings.SplitSeq(text, "\n---\n") {
		decoded, _, err := decoder.Decode([]byte(object), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		job, ok := decoded.(*batchv1.CronJob)
		if !ok {
			continue
		}
		for _, container := range job.Spec.JobTemplate.Spec.Template.Spec.Containers {
			if len(container.Command) == 0 || container.Command[0] != "pctoken" || len(container.Args) != 1 {
				t.Fatalf("the job runs %q %q", container.Command, container.Args)
			}
			if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", container.Args[0]).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}
}

// checkWorkflow has actionlint read a workflow, and runs its steps with its services.
func checkWorkflow(t *testing.T, text string) {
	file := filepath.Join(t.TempDir(), "workflow.yaml")
	if err := os.WriteFile(file, []byte("on: push\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "run", toolOfMakefile(t, "ACTIONLINT"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var workflow struct {
		Jobs map[string]struct {
			Services map[string]struct{ Image string }
			Steps    []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &workflow); err != nil {
		t.Fatal(err)
	}
	for _, job := range workflow.Jobs {
		var lines []string
		for _, service := range job.Services {
			lines = append(lines, serviceOf(t, service.Image, nil))
		}
		for _, step := range job.Steps {
			for line := range strings.Lines(step.Run) {
				if !strings.HasPrefix(line, "go install") && !strings.HasPrefix(line, "go test") { // the reader's own tests
					lines = append(lines, strings.TrimSpace(line))
				}
			}
		}
		runScript(t, lines)
	}
}

// checkCompose has Docker Compose's own reader read a file, and runs the services of the emulator's image.
func checkCompose(t *testing.T, text string) {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  t.TempDir(),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
	}, func(o *loader.Options) { o.SetProjectName("block", true) })
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, service := range project.Services {
		if service.Image != "" {
			lines = append(lines, serviceOf(t, service.Image, service.Command))
		}
	}
	if len(lines) == 0 {
		t.Error("it has no image")
	}
	runScript(t, lines)
}

// serviceOf returns the command that the emulator's image runs.
func serviceOf(t *testing.T, image string, command []string) string {
	t.Helper()
	if image != "ghcr.io/partnercenter-go/pctoken:latest" {
		t.Errorf("the image %s is not the emulator's", image)
	}
	if command == nil {
		command = dockerfile(t)
	}
	return "pctoken " + strings.Join(command, " ")
}

// dockerfile returns the command that the image runs if none is given.
func dockerfile(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../cmd/pctoken/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var command []string
	if match := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindSubmatch(content); match == nil {
		t.Fatal("the Dockerfile has no CMD")
	} else if err := yaml.Unmarshal(match[1], &command); err != nil {
		t.Fatal(err)
	}
	return command
}

// toolOfMakefile returns the package and version by which the Makefile runs a tool.
func toolOfMakefile(t *testing.T, variable string) string {
	t.Helper()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^` + variable + `\s*:= (\S+)$`).FindSubmatch(makefile)
	if match == nil {
		t.Fatalf("the Makefile has no %s", variable)
	}
	return string(match[1])
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
