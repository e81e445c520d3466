package manifests

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab/controlplane"
)

// block is a fenced block of a README.
type block struct {
	file string // below manifests
	line int
	// kind is the first word after the fence: sh is run, console needs what rest
	// names, anything else is not a command. The rest of sh is the API, and undo.
	kind, rest string
	text       string
	// headings are those that it is under, as their anchors.
	headings []string
}

// step is a row of the table in manifests/README.md.
type step struct {
	title  string
	blocks []block
}

// undoes reports whether the block undoes other blocks.
func (b block) undoes() bool { return b.kind == "sh" && strings.HasSuffix(b.rest, " undo") }

var (
	row     = regexp.MustCompile(`^\| \[([^\]]+)\]\(([^)#]+)(?:#([^)]+))?\) \|`)
	heading = regexp.MustCompile(`^(#+) (.*)$`)
)

// guide are the steps in their order, with the blocks of each.
func guide(t *testing.T) []step {
	t.Helper()
	var steps []step
	for line := range strings.Lines(text(t, "README.md")) {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		s := step{title: m[1]}
		for _, b := range blocksOf(t, m[2]) {
			if m[3] == "" || slices.Contains(b.headings, m[3]) {
				s.blocks = append(s.blocks, b)
			}
		}
		steps = append(steps, s)
	}
	if len(steps) < 8 {
		t.Fatalf("found only %d steps in the table of manifests/README.md", len(steps))
	}
	return steps
}

func blocksOf(t *testing.T, file string) (all []block) {
	t.Helper()
	var open *block
	var under []string // by the heading's depth, less one
	number := 0
	for line := range strings.Lines(text(t, file)) {
		number++
		line = strings.TrimRight(line, "\n")
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open != nil:
			all, open = append(all, *open), nil
		case fence:
			open = &block{file: file, line: number, headings: slices.Clone(under)}
			open.kind, open.rest, _ = strings.Cut(info, " ")
		case open != nil:
			open.text += line + "\n"
		default:
			if strings.HasPrefix(line, "    ") {
				t.Errorf("manifests/%s:%d: an indented block does not say whether it can be run: use a fence", file, number)
			}
			if m := heading.FindStringSubmatch(line); m != nil {
				under = append(under[:min(len(under), len(m[1])-1)], anchor(m[2]))
			}
		}
	}
	return all
}

// anchor is what a heading is linked by.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-")
}

func TestEveryCommandOfTheGuideIsInAStep(t *testing.T) {
	var inSteps []block
	for _, s := range guide(t) {
		inSteps = append(inSteps, s.blocks...)
	}
	files, err := filepath.Glob(filepath.Join(root, "*/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		rel, _ := filepath.Rel(root, file)
		for _, b := range blocksOf(t, rel) {
			command := b.kind == "sh" || b.kind == "console"
			if command && !slices.ContainsFunc(inSteps, func(o block) bool { return o.file == b.file && o.line == b.line }) {
				t.Errorf("manifests/%s:%d: no step of manifests/README.md includes this block", b.file, b.line)
			}
		}
	}
}

// TestTheStepsThatNeedMachinesAreListed compares the blocks of kind console with the
// list in manifests/README.md.
func TestTheStepsThatNeedMachinesAreListed(t *testing.T) {
	var want []string
	for _, s := range guide(t) {
		var needs []string
		for _, b := range s.blocks {
			if b.kind != "console" {
				continue
			}
			if b.rest == "" {
				t.Errorf("manifests/%s:%d: the block does not say what it needs", b.file, b.line)
			}
			if !slices.Contains(needs, b.rest) {
				needs = append(needs, b.rest)
			}
		}
		if len(needs) > 0 {
			want = append(want, "- "+s.title+": "+strings.Join(needs, "; "))
		}
	}
	_, list, _ := strings.Cut(text(t, "README.md"), "\n## Steps that need real machines\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	if got := strings.TrimSpace(list); got != strings.Join(want, "\n") {
		t.Errorf("the list in manifests/README.md is\n%s\nand should be\n%s", got, strings.Join(want, "\n"))
	}
}

// TestTheStepsOfTheGuideWork runs what it can, step by step, and then undoes it
// in reverse order. It really applies objects, for the steps that follow.
func TestTheStepsOfTheGuideWork(t *testing.T) {
	w := theWorld(t)
	dir := workplace(t, w)
	steps := guide(t)
	ran, needs := 0, 0
	for _, s := range steps {
		var script []block
		for _, b := range s.blocks {
			switch {
			case b.kind == "sh" && !b.undoes():
				script = append(script, b)
			case b.kind == "console":
				needs++
				t.Logf("%s: needs %s: %s", s.title, b.rest, first(b.text))
			}
		}
		w.follow(t, dir, s.title, script)
		ran += len(script)
	}
	w.arrives(t)
	for _, s := range slices.Backward(steps) {
		for _, b := range s.blocks {
			if b.undoes() {
				w.follow(t, dir, s.title+", undone", []block{b})
				ran++
			}
		}
	}
	t.Logf("%d blocks ran, %d need real machines", ran, needs)
}

// arrives waits until Karmada has propagated to the member what the steps declared.
func (w *world) arrives(t *testing.T) {
	t.Helper()
	for _, what := range []string{
		"nearcast-system secret/karmada-access-de-wide",
		"nearcast-system daemonset/nearcast",
		"science spinapp/n-body-spin",
		"science deployment/n-body-container",
		"science resourcequota/tenant",
		"science networkpolicy/default-deny",
		"accounts httproute/user-manager",
	} {
		namespace, object, _ := strings.Cut(what, " ")
		err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
			_, err := w.plane.Kubectl(ctx, string(member), "", "get", "-n", namespace, object)
			return err == nil, nil
		})
		if err != nil {
			t.Errorf("%s of %s has not arrived in %s: %v", object, namespace, member, err)
			continue
		}
		t.Logf("%s of %s is in %s", object, namespace, deWide.Name)
	}
}

// workplace is a directory like the repository's root, with the files that people have.
func workplace(t *testing.T, w *world) string {
	t.Helper()
	dir := t.TempDir()
	manifests, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(manifests, filepath.Join(dir, "manifests")); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(w.plane.CA())
	if err != nil {
		t.Fatal(err)
	}
	fixture.Certificate(t, filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "key.pem"), "*.science."+zone)
	for name, data := range map[string][]byte{"ca.crt": ca, "vpn-key": []byte("a key of Headscale\n"), "vpn-key-gateway": []byte("another\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// follow runs blocks in one shell, because they share its variables, and logs which ran.
func (w *world) follow(t *testing.T, dir, title string, blocks []block) {
	t.Helper()
	if len(blocks) == 0 {
		return
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, b := range blocks {
		target := strings.Fields(b.rest)
		if len(target) == 0 || target[0] != "karmada" && target[0] != "member" {
			t.Fatalf("manifests/%s:%d: sh needs an API: karmada or member", b.file, b.line)
		}
		a := member
		if target[0] == "karmada" {
			a = karmada
		}
		fmt.Fprintf(&script, "echo '@@ %d'\nexport KUBECONFIG='%s'\n%s", i, w.plane.Kubeconfig(string(a)), b.text)
	}
	bin, err := filepath.Abs(filepath.Dir(controlplane.DefaultPrograms().Kubectl()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	last := -1
	for lines := bufio.NewScanner(bytes.NewReader(out.Bytes())); lines.Scan(); {
		if _, scanErr := fmt.Sscanf(lines.Text(), "@@ %d", &last); scanErr == nil {
			t.Logf("%s: ran: %s", title, first(blocks[last].text))
		}
	}
	if err != nil {
		b := blocks[max(last, 0)]
		t.Fatalf("manifests/%s:%d: %v\n%s", b.file, b.line, err, out.Bytes())
	}
}

// first is the first line of a text.
func first(text string) string {
	line, more, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(more) != "" {
		line += " …"
	}
	return line
}
