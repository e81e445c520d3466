package hostile

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// ofFiles is a server block with a directory of manifests.
const ofFiles = `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
    }
}`

// follows changes a good file, and waits until the change is answered.
func (w *world) follows(t *testing.T, address string) time.Duration {
	t.Helper()
	cluster := fixture.Three[0]
	cluster.Address = address
	w.write(t, "victims", cluster, victim("bank", "login"))
	return w.awaits(t, "login.bank.fn.example.org.", address)
}

// awaits waits until the name has the address.
func (w *world) awaits(t *testing.T, name, address string) time.Duration {
	t.Helper()
	return eventually(t, name+" is "+address, func() error {
		if got := w.ask(t, name, dns.TypeA); got != address {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}

// leave leaves something in a directory under a name.
type leave func(t *testing.T, path string)

func text(content string) leave {
	return func(t *testing.T, path string) { fixture.Write(t, path, content) }
}

func linkTo(target string) leave {
	return func(t *testing.T, path string) {
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
}

func pipe(t *testing.T, path string) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func socket(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// secret must not be in any log.
const secret = "hunter2-correct-horse"

// left are files that another tenant may leave, and how they are reported.
var left = map[string]struct {
	leave leave
	said  string
}{
	"a link to a device":                   {linkTo("/dev/zero"), "is a device"},
	"a link to a kernel log, which blocks": {linkTo("/proc/kmsg"), ""}, // whatever this user may read of it
	"a pipe":                               {pipe, "is a pipe"},
	"a socket":                             {socket, "is a socket"},
	"a link to itself":                     {linkTo("evil.yaml"), "too many levels of symbolic links"},
	"a link to nothing":                    {linkTo("/nothing/there"), "which does not exist"},
	"aliases of aliases":                   {text(aliases()), "excessive aliasing"},
	"nested lists":                         {text("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x\"},\"spec\":" + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}"), "array where an object is expected"},
	"one key many times":                   {text("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y}\nspec:\n" + strings.Repeat("  a: 1\n", 30000)), "more than 4096 keys"},
	"many keys":                            {text("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y}\nspec:\n" + numbered("  a%d: 1\n", 200000)), "more than"},
	"many values":                          {text("a: [" + strings.Repeat("[],", 6<<20) + "]"), "more than"},
	"many documents":                       {text(strings.Repeat("---\n", 3<<20)), "more than"},
	"many faults":                          {text(strings.Repeat("---\nx: y\n", 10000)), "more of this file"},
	"NUL octets":                           {text("apiVersion: v1\x00\nkind: Service\n"), "NUL"},
	"invalid UTF-8":                        {text("apiVersion: v1\nkind: Service\nmetadata: {name: \xff\xfe\xfd}\n"), "UTF-8"},
	"a secret of others":                   {secretIn("PASSWORD=" + secret + "\n\tx: [\n"), "is not YAML"},
	"a secret in a value":                  {secretIn("a: *" + secret + "\n"), "is not YAML"},
	"a secret as JSON":                     {secretIn("{\"" + secret + "\": " + secret + ", ]"), "is not JSON"},
	"a secret as a key":                    {secretIn("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y}\nspec: {\"" + secret + "\": 1, \"" + secret + "\": 2}\n"), "is given twice"},
	"a secret as a type":                   {secretIn("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y, creationTimestamp: \"" + secret + "\"}\n"), "is not a time"},
}

func aliases() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'j'; c++ {
		fmt.Fprintf(&b, "%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), c-1)
	}
	return b.String() + "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y}\nspec: *i\n"
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// secretIn is a link out of the directory, to a file with the text.
func secretIn(content string) leave {
	return func(t *testing.T, path string) {
		file := filepath.Join(t.TempDir(), "credentials")
		fixture.Write(t, file, content)
		linkTo(file)(t, path)
	}
}

// TestABadFileAffectsOnlyItself leaves them one after the other in a directory of
// manifests: each is reported, changes of other files are answered, and memory is bounded. The
// control is a good file in the same place.
func TestABadFileAffectsOnlyItself(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	server := w.serve(t, ofFiles)
	w.awaits(t, "login.bank.fn.example.org.", "192.0.2.4")
	evil := filepath.Join(w.dir, "fed", "evil.yaml")
	text(fixture.Documents(victim("evil", "f")))(t, evil)
	w.awaits(t, "f.evil.fn.example.org.", "192.0.2.4")
	n := 0
	for what, l := range left {
		if err := os.Remove(evil); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(server.log.String(), "evil.yaml")
		l.leave(t, evil)
		n++
		took := w.follows(t, fmt.Sprintf("192.0.2.%d", 10+n))
		t.Logf("%s: a change of another file took %s", what, took)
		eventually(t, what+" is reported with "+l.said, func() error {
			log := server.log.String()
			if l.said != "" && (strings.Count(log, "evil.yaml") == before || !strings.Contains(log, l.said)) {
				return fmt.Errorf("%s", log[max(0, len(log)-500):])
			}
			return nil
		})
	}
	if log := server.log.String(); strings.Contains(log, secret) || strings.Contains(log, "hunter2") {
		t.Error("the log has another user's secret")
	}
	if peak := memoryPeak(t, server); peak > 1<<30 {
		t.Errorf("got a peak of %d MiB", peak>>20)
	}
}

// memoryPeak returns the most memory that a program had, in octets.
func memoryPeak(t *testing.T, p *program) (octets int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &octets); err != nil {
		t.Fatal(err)
	}
	return octets << 10
}

// TestAChangeAmongManyFilesIsAsFastAsAmongFew compares, in one run, a directory with a
// hundred files with one of very many.
func TestAChangeAmongManyFilesIsAsFastAsAmongFew(t *testing.T) {
	many := 30000
	if testing.Short() {
		many = 5000
	}
	few, crowd := crowded(t, 100), crowded(t, many)
	a, b := few.median(t), crowd.median(t)
	t.Logf("a change is answered after %s among 100 files, %s among %d", a, b, many)
	if b > 2*a+100*time.Millisecond { // what a loaded machine adds
		t.Errorf("got %s among %d files, %s among 100", b, many, a)
	}
}

// crowded returns a world of so many files, that is served.
func crowded(t *testing.T, files int) *world {
	t.Helper()
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	for i := range files {
		path := filepath.Join(w.dir, "fed", fmt.Sprintf("%d.yaml", i))
		if err := os.WriteFile(path, []byte(fixture.Documents(victim("crowd", fmt.Sprint("f", i)))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.serve(t, ofFiles)
	eventually(t, "all files are read", func() error {
		if got := w.ask(t, fmt.Sprintf("f%d.crowd.fn.example.org.", files-1), dns.TypeA); got != "192.0.2.4" {
			return fmt.Errorf("the last is %s", got)
		}
		return nil
	})
	return w
}

// median returns the median time until a change is answered: of a file that is replaced,
// written to, new, or removed.
func (w *world) median(t *testing.T) time.Duration {
	t.Helper()
	var all []time.Duration
	const name = "changing.bank.fn.example.org."
	is := func(qtype uint16, want string) {
		t.Helper()
		all = append(all, eventually(t, want, func() error {
			if got := w.ask(t, name, qtype); got != want {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		}))
	}
	path := filepath.Join(w.dir, "fed", "changing.yaml")
	f := victim("bank", "changing")
	for i := range 3 {
		w.write(t, "changing", f)
		is(dns.TypeA, "192.0.2.4")
		f.Annotations = fixture.Unprobed("nearcast.dev/txt", fmt.Sprint("replaced", i))
		w.write(t, "changing", f)
		is(dns.TypeTXT, fmt.Sprintf("%q", fmt.Sprint("replaced", i)))
		f.Annotations = fixture.Unprobed("nearcast.dev/txt", fmt.Sprint("written", i))
		if err := os.WriteFile(path, []byte(fixture.Documents(f)), 0o600); err != nil {
			t.Fatal(err)
		}
		is(dns.TypeTXT, fmt.Sprintf("%q", fmt.Sprint("written", i)))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		is(dns.TypeA, "NXDOMAIN")
	}
	t.Log(all)
	slices.Sort(all)
	return all[len(all)/2]
}
