package hostile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// executedText has what a terminal executes, what a log reader takes for a new line, and
// what reverses the words after it; the word "member" shows that the text was printed.
const executedText = "member\x1b]0;owned\a\x1b[31m\nfake line\r\u009b2J\u202e\u200b"

// rawDocument is a document as a member, or who may write files, has it.
type rawDocument struct{ value any }

func (d rawDocument) YAML() string {
	text, err := json.Marshal(d.value)
	if err != nil {
		panic(err)
	}
	return "---\n" + brief.Escape(string(text)) + "\n" // which means the same, and is YAML too
}

type object = map[string]any

// unappliedFunction is a function of evil that its only cluster could not apply, and says
// why in a message; or, without one, that the scheduler could not place, and says why.
func unappliedFunction(name, message, unscheduled string) []fixture.Document {
	resource := object{"apiVersion": "v1", "kind": "Service", "namespace": "evil", "name": name}
	status, spec := object{}, object{"resource": resource}
	if message != "" {
		spec["clusters"] = []any{object{"name": "de-wide"}}
		status["aggregatedStatus"] = []any{object{"clusterName": "de-wide", "appliedMessage": message}}
	}
	if unscheduled != "" {
		status["conditions"] = []any{object{"type": "Scheduled", "status": "False", "reason": "NoClusterFit", "message": unscheduled, "lastTransitionTime": "2026-01-01T00:00:00Z"}}
	}
	return []fixture.Document{
		rawDocument{object{"apiVersion": "v1", "kind": "Service", "spec": object{"ports": []any{object{"port": 80}}}, "metadata": object{
			"namespace": "evil", "name": name, "labels": object{"nearcast.dev/function": "true"}}}},
		rawDocument{object{"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding", "spec": spec, "status": status,
			"metadata": object{"namespace": "evil", "name": name + "-service"}}},
	}
}

// isShownPlainly reports the first line of what a program printed that a terminal would
// execute a part of.
func isShownPlainly(printed string) error {
	for line := range strings.Lines(strings.ReplaceAll(printed, "\t", " ")) {
		if line = strings.TrimSuffix(line, "\n"); brief.Escape(line) != line {
			return fmt.Errorf("a terminal would execute %q", line)
		}
	}
	return nil
}

// TestTextOfOthersCannotControlATerminal has members, a tenant and a file say what a terminal
// would execute, and looks at all that the programs print.
func TestTextOfOthersCannotControlATerminal(t *testing.T) {
	documents := append(unappliedFunction("applied", executedText, ""), unappliedFunction("scheduled", "", executedText)...)
	documents = append(documents,
		probedFunction("evil", "annotated", "http://"+executedText+"/"),
		rawDocument{object{"apiVersion": "v1", "kind": "Service", "spec": object{"ports": []any{object{"port": 80}}}, "metadata": object{
			"namespace": "evil", "name": "name" + executedText, "labels": object{"nearcast.dev/function": "true"},
			"annotations": object{"nearcast.dev/policy": executedText}}}})
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	w.write(t, "evil", documents...)
	p := w.serve(t, `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        admin {dir}/admin.sock
    }
}`)
	command := func(args ...string) string {
		c := exec.Command(filepath.Join(bin, "nearcast"), args...)
		var errors bytes.Buffer
		c.Stderr = &errors
		out, _ := c.Output() // check finds faults
		if err := isShownPlainly(errors.String()); err != nil {
			t.Errorf("errors of %q: %v", args, err)
		}
		if len(out) == 0 {
			return errors.String()
		}
		return string(out)
	}
	admin := filepath.Join(w.dir, "admin.sock")
	printed := map[string]string{
		"the log":           p.log.String(),
		"explain":           explainedBy(t, w, "applied.evil.fn.example.org"),
		"explain, unplaced": explainedBy(t, w, "scheduled.evil.fn.example.org"),
		"status":            command("status", "--admin", admin),
		"status as JSON":    command("status", "--admin", admin, "-o", "json"),
		"check":             command("check", filepath.Join(w.dir, "fed")),
		"check as JSON":     command("check", filepath.Join(w.dir, "fed"), "-o", "json"),
		"no such name":      command("explain", executedText, "--from", "192.0.2.1", "--admin", admin),
	}
	for name, text := range printed {
		if !strings.Contains(text, "member") {
			t.Errorf("%s shows nothing of the text:\n%s", name, text)
		}
		if err := isShownPlainly(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasSuffix(name, "JSON") && !json.Valid([]byte(text)) {
			t.Errorf("%s is not JSON: %s", name, text)
		}
	}
}

// longAnswers answers each request with a header of so many octets that is not what is
// expected, and counts them.
func longAnswers(t *testing.T, octets int) (net.Listener, *atomic.Int32) {
	t.Helper()
	host := fixture.AnotherLoopback()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	reply := []byte("HTTP/1.1 200 OK\r\nX-Big: " + strings.Repeat("\xff", octets) + "\r\nContent-Length: 0\r\n\r\n")
	var asked atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					asked.Add(1)
					_, _ = conn.Write(reply) // who asked may have had enough
				}
			}()
		}
	}()
	return l, &asked
}

// TestLongAnswersUseBoundedMemory has one endpoint answer the probes of a thousand Services, with
// few octets and with as many as fit into a head, and compares what the server then has.
func TestLongAnswersUseBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: probes a thousand functions twice")
	}
	const functions = 1000
	cost := func(octets int) (memory, snapshot int64) {
		l, asked := longAnswers(t, octets)
		host, port, _ := net.SplitHostPort(l.Addr().String())
		w := newWorld(t, fixture.Cluster{Name: "de-wide", Region: "de", Zone: "de-fra", Address: host + ":" + port})
		var all []fixture.Document
		for i := range functions {
			all = append(all, probedFunction("evil", fmt.Sprintf("f%d", i), fmt.Sprintf("http:///s%d", i), "expect", "header=X-Big:y", "port", port))
		}
		w.write(t, "evil", all...)
		p := w.serve(t, strings.ReplaceAll(`fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        claim evil evil.fn.example.org addresses HOST/32
        snapshot {dir}/snap
        probe interval 1s timeout 1s
        admin {dir}/admin.sock
    }
}`, "HOST", host))
		eventually(t, "every Service is probed", func() error {
			if n := asked.Load(); n < 3*functions {
				return fmt.Errorf("%d probes", n)
			}
			return nil
		})
		if text := explainedBy(t, w, "f7.evil.fn.example.org"); !strings.Contains(text, `header X-Big does not contain "y"`) || len(text) > 2000 {
			t.Errorf("with %d octets explain prints %d: %.2000s", octets, len(text), text)
		}
		_ = p.Process.Signal(os.Interrupt) // its snapshot is then written
		memory = peak(t, p)
		eventually(t, "the snapshot is written", func() error {
			files, err := filepath.Glob(filepath.Join(w.dir, "snap", "state-*.json"))
			if err != nil || len(files) != 1 {
				return fmt.Errorf("%v, %w", files, err)
			}
			info, err := os.Stat(files[0])
			if err == nil {
				snapshot = info.Size()
			}
			return err
		})
		return memory, snapshot
	}
	few, fewKept := cost(10)
	many, manyKept := cost(15 << 10)
	t.Logf("short answers: %d kB and a snapshot of %d octets; long answers: %d kB and %d", few, fewKept, many, manyKept)
	if many > few+few/2 {
		t.Errorf("long answers: the server used %d kB, %d with short ones", many, few)
	}
	if manyKept > fewKept+fewKept/10 {
		t.Errorf("long answers: the snapshot has %d octets, %d with short ones", manyKept, fewKept)
	}
}

// peak is the most memory, in kB, that the program has had.
func peak(t *testing.T, p *program) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kB
		}
	}
	t.Fatalf("found no VmHWM in %s", text)
	return 0
}
