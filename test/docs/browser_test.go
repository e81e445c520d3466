package docs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// phone is the screen of a small phone, in CSS pixels.
var phone = chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile)

// browser returns the context of a tab of a headless Chromium, the machine's or Debian's.
// Without one it skips the test with a message.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox) // root cannot use the sandbox
	if own := machines(); own != "" {
		options = append(options, chromedp.ExecPath(own))
	} else {
		// The program that Debian's package has in its path starts one at a fixed place.
		shell := peers.Find(t, "chromium-headless-shell", "chromium-headless-shell")
		program, err := shell.File("usr/lib/chromium/chromium-headless-shell")
		if err != nil {
			t.Fatal(err)
		}
		// PulseAudio has a library in its own directory.
		pulse, err := shell.File("usr/lib/*-linux-gnu/pulseaudio")
		if err != nil {
			t.Fatal(err)
		}
		libraries := "LD_LIBRARY_PATH=" + filepath.Dir(pulse) + ":" + pulse
		options = append(options, chromedp.ExecPath(program), chromedp.Env(shell.Command().Env...), chromedp.Env(libraries))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts the browser; a deadline of this context would stop it
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// machines returns the path of an installed browser; "" for none.
func machines() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// seen returns the result of a script on a page, after the given steps.
func seen(t *testing.T, ctx context.Context, path, script string, steps ...chromedp.Action[chromedp.Void]) []string { //nolint:revive // a helper's first argument is t
	t.Helper()
	said, err := []string(nil), chromedp.Do(ctx, steps...)
	if err == nil {
		said, err = chromedp.Run(ctx, chromedp.Evaluate[[]string](script))
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return said
}

// served returns the address of the site.
func served(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

// tooWide names elements that make a page wider than the screen. innerWidth would not do: if a
// page is too wide, a phone zooms out, which increases innerWidth as well.
const tooWide = `(() => {
	const page = document.documentElement, screen = page.clientWidth;
	if (screen === 375 && page.scrollWidth <= screen) return [];
	const inside = e => e && (getComputedStyle(e).overflowX !== "visible" || inside(e.parentElement));
	return [page.scrollWidth + " px of " + screen, ...[...document.body.querySelectorAll("*")]
		.filter(e => e.getBoundingClientRect().right > screen && !inside(e.parentElement))
		.map(e => e.tagName + ": " + e.textContent.slice(0, 60))];
})()`

func TestEveryPageIsReadableOnAPhone(t *testing.T) {
	dir, all := pages(t)
	ctx := browser(t)
	at := served(t, dir)
	for _, p := range all {
		faults := seen(t, ctx, p.path, tooWide, phone, chromedp.Navigate(at+p.path))
		if len(faults) > 0 {
			t.Errorf("%s scrolls horizontally: %s", p.path, strings.Join(faults, "; "))
		}
	}
}

func TestTheMenuOpensOnAPhone(t *testing.T) {
	dir, _ := pages(t)
	ctx := browser(t)
	err := chromedp.Do(ctx, phone, chromedp.Navigate(served(t, dir)),
		chromedp.Click(chromedp.CSS(".menu summary")),
		chromedp.Click(chromedp.CSS(`.menu a[href$="getting-started/"]`)),
		chromedp.WaitVisible(chromedp.ID("getting-started")))
	if err != nil {
		t.Error(err)
	}
}

// faint names text whose contrast with its background is less than 4.5 (WCAG 2.2,
// success criterion 1.4.3).
const faint = `(() => {
	const parse = c => c.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
		.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	const all = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.textContent.trim() || !e.checkVisibility()) continue;
		const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < 4.5) all.add(e.tagName + " " + contrast.toFixed(2));
	}
	return [...all];
})()`

func TestTextHasEnoughContrastInLightAndDark(t *testing.T) {
	dir, all := pages(t)
	ctx := browser(t)
	at := served(t, dir)
	grounds := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		prefers := chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		})
		for _, p := range all {
			faults := seen(t, ctx, p.path, faint, prefers, chromedp.Navigate(at+p.path))
			grounds[scheme] = seen(t, ctx, p.path, `[getComputedStyle(document.documentElement).backgroundColor]`)[0]
			if len(faults) > 0 {
				t.Errorf("%s in %s: %s", p.path, scheme, strings.Join(faults, "; "))
			}
		}
	}
	if grounds["light"] == grounds["dark"] {
		t.Errorf("dark mode looks like light mode: %s", grounds["dark"])
	}
}

// unseen names pictures that were not loaded or have no alternative text.
const unseen = `[...document.images].filter(i => !i.complete || !i.naturalWidth || !i.alt).map(i => i.src)`

// TestPicturesAreShown: each is loaded and has alternative text.
func TestPicturesAreShown(t *testing.T) {
	dir, all := pages(t)
	ctx := browser(t)
	at := served(t, dir)
	for _, p := range all {
		for _, picture := range seen(t, ctx, p.path, unseen, chromedp.Navigate(at+p.path)) {
			t.Errorf("%s: %s is not shown, or has no alternative text", p.path, filepath.Base(picture))
		}
	}
}
