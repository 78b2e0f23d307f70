package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// pictures is where the browser test leaves what it saw.
const pictures = "../bin/pictures"

// tab is a page of a headless Chromium.
type tab struct {
	*testing.T
	ctx context.Context
}

// browse opens a page. When the test ends, it fails for errors that the page wrote to its console.
func browse(t *testing.T, url string, options ...chromedp.ExecAllocatorOption) tab {
	t.Helper()
	allocator, end := chromedp.NewExecAllocator(t.Context(), append(append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1200, 950)), options...)...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which a context with a deadline must not
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			// Chromium itself reports the 500 that the test asks for, and that there is no favicon.
			if m.IsException() || m.Type == "error" && m.Source != "network" {
				t.Errorf("the page complained: %s", m)
			}
		}
	}()
	page := tab{t, ctx}
	page.do("opening "+url, chromedp.Navigate(url))
	return page
}

func (t tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(t.ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (t tab) text(css chromedp.CSS) string {
	t.Helper()
	text, err := chromedp.Run(t.ctx, chromedp.Text(css))
	if err != nil {
		t.Fatalf("reading %s: %v", css, err)
	}
	return text
}

// until waits for a condition of the page.
func (t tab) until(javascript string) {
	t.Helper()
	if _, err := chromedp.Run(t.ctx, chromedp.Poll[chromedp.Void](javascript, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		t.picture("failed")
		t.Fatalf("waiting for %s: %v", javascript, err)
	}
}

// width makes the page so wide.
func (t tab) width(pixels int64) {
	t.Helper()
	_, err := chromedp.Call(t.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 950, DeviceScaleFactor: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// picture takes a picture in light and in dark colours.
func (t tab) picture(name string) {
	t.Helper()
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, colours := range []string{"dark", "light"} {
		_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}},
		})
		if err != nil {
			t.Fatal(err)
		}
		png, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pictures, name+"-"+colours+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A person opens the page, presses "Try it out", sees a failure and then a token, and finds both in the live list.
func TestBrowser_LetsAPersonTryTheEndpoint(t *testing.T) {
	url := serve(t, 1, "--fault", "500")[0]
	page := browse(t, url+"/")
	const operation = "#operations-Authentication-generateToken"
	const answer = operation + " .live-responses-table .response"

	page.do("opening the operation", chromedp.Click(chromedp.CSS(operation+" .opblock-summary-control")))
	page.do("pressing Try it out", chromedp.Click(chromedp.CSS(operation+" .try-out__btn")))
	page.do("pressing Execute", chromedp.Click(chromedp.CSS(operation+" .execute")))
	page.until(`document.querySelector('` + answer + ` .response-col_status')?.textContent.startsWith('500')`)
	page.do("pressing Execute again", chromedp.Click(chromedp.CSS(operation+" .execute")))
	page.until(`document.querySelector('` + answer + ` .response-col_status')?.textContent.startsWith('200')`)
	token := regexp.MustCompile(`"access_token": "([A-Z2-7]{26})"`).FindStringSubmatch(page.text(answer + " .response-col_description"))
	if token == nil {
		t.Fatalf("there is no token in %q", page.text(answer))
	}
	page.do("scrolling to the answer", chromedp.ScrollIntoView(chromedp.CSS(answer)))
	page.picture("page")

	page.do("following the link", chromedp.Click(chromedp.CSS(`a[href="/_emulator/"]`)),
		chromedp.WaitVisible(chromedp.CSS("#requests tr:nth-child(2)")))
	newest, oldest, all := page.text("#requests tr:first-child"), page.text("#requests tr:last-child"), page.text("#requests")
	if !strings.Contains(newest, "2 (a retry)") || !strings.Contains(newest, "200") || !strings.Contains(oldest, "500") ||
		strings.Contains(all, token[1]) || strings.Contains(all, "any-bearer") {
		t.Errorf("the list is %q", all)
	}

	// By keyboard alone: a bad fault is refused in words, a good one is taken.
	page.do("typing a bad fault", chromedp.Focus(chromedp.CSS("#plan")), chromedp.KeyEvent("nonsense"+kb.Enter))
	page.until(`document.querySelector('#problem').textContent.includes('"nonsense"')`)
	page.do("typing faults", chromedp.KeyEvent(strings.Repeat(kb.Backspace, len("nonsense"))+"500:times=2 502:html"+kb.Tab+kb.Enter))
	page.until(`document.querySelector('#left').textContent === '500:times=2 502:html'`)

	// Requests appear while somebody looks, and show a client's retries.
	if out, err := run(t, "get", "--url", url); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	page.until(`document.querySelector('#requests tr').cells[3].textContent === '4 (a retry)'`)

	// A request opens to show what was sent, and stays open when others come.
	page.do("opening a request", chromedp.Click(chromedp.CSS("#requests tr:first-child button")))
	details := page.text("#requests td.details")
	for _, want := range []string{"Authorization: Bearer REDACTED", "grant_type=jwt_token", "Ms-Requestid: "} {
		if !strings.Contains(details, want) {
			t.Errorf("the details lack %q: %q", want, details)
		}
	}
	for name, width := range map[string]int64{"live": 1200, "live-narrow": 400} {
		page.width(width)
		page.until(`document.documentElement.scrollWidth <= window.innerWidth`) // no column is cut off
		page.picture(name)
	}
}

// A person answers a sign-in by device code on the page, where Entra is played.
func TestBrowser_LetsAPersonApproveADeviceCode(t *testing.T) {
	certificates := t.TempDir()
	url := serve(t, 2, "--entra", "--cert-dir", certificates)[0]
	page := browse(t, url+"/_emulator/", chromedp.IgnoreCertErrors)
	token := filepath.Join(t.TempDir(), "refresh-token")
	login := exec.CommandContext(t.Context(), pctoken, "login", "--client-id", "any", "--tenant-id", "any", "--refresh-token-file", token)
	login.Env = append(os.Environ(), "AZURE_AUTHORITY_HOST="+url, "SSL_CERT_FILE="+filepath.Join(certificates, "pctoken-emulator.pem"))
	done := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = login.CombinedOutput()
		done <- err
	}()
	page.until(`!document.querySelector('#codes').hidden`)
	page.width(1200)
	page.picture("device-code")
	page.do("approving", chromedp.Click(chromedp.CSS("#codes button")))
	if err := <-done; err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	page.until(`document.querySelector('#codes').hidden`)
}
