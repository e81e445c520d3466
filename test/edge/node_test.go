package edge

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/test/usage"
)

// processor is the share of one that a node has.
const processor = 0.5

// startsWithin bounds a start: readiness probes wait longer.
const startsWithin = 60 * time.Second

// corefiles are of resolvers: that of manifests/nearcast/deployment, with files in place of the Karmada API and
// without ports that nobody asks; and the smallest answer there is, with which it is compared.
var corefiles = map[string]string{
	"nearcast": `fn.example.org:1053 {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:9153
    nearcast {
        cluster c0
        manifests DIR/federation
        snapshot DIR
    }
}
`,
	"whoami": `fn.example.org:1054 {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:9154
    whoami
}
`}

// addresses are where they listen: nothing else is in the test's network.
var addresses = map[string]netip.AddrPort{
	"nearcast": netip.MustParseAddrPort("127.0.0.1:1053"),
	"whoami":   netip.MustParseAddrPort("127.0.0.1:1054"),
}

// node is a resolver in a cgroup.
type node struct {
	*cgroup
	*load
	name, dir string
	settings  []string // of Go's collector
	cmd       *exec.Cmd
	log       *fixture.Output
}

// newNode makes the node that answers with a plugin. The program is a copy of its own, because a file's pages
// count for the cgroup that reads them first.
func newNode(t *testing.T, plugin, program string, limit int64) *node {
	t.Helper()
	n := &node{name: plugin, dir: t.TempDir(), settings: deployed(limit), cgroup: newCgroup(t, plugin, limit, processor)}
	fixture.Write(t, n.corefile(), strings.ReplaceAll(corefiles[plugin], "DIR", n.dir))
	if err := copyCold(program, n.program()); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) corefile() string { return filepath.Join(n.dir, "Corefile") }
func (n *node) program() string  { return filepath.Join(n.dir, "coredns") }

// build compiles the image's CoreDNS.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "coredns")
	cmd := exec.Command("go", "build", "-tags=minimal,grpcnotrace", "-ldflags=-s -w", "-o", program, "github.com/nearcast/nearcast/cmd/coredns")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// copyCold copies a program, and has the kernel forget the copy, as on a node that starts its first pod.
func copyCold(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, source); err != nil {
		return err
	}
	if err := file.Sync(); err != nil { // no page is forgotten before it is written
		return err
	}
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// start runs the resolver.
func (n *node) start(t *testing.T) {
	t.Helper()
	command := n.command(n.program(), "-conf", n.corefile())
	n.cmd = exec.Command(command[0], command[1:]...)
	n.cmd.Env = append(os.Environ(), append(n.settings, "GODEBUG=gctrace=1")...)
	n.log = fixture.Run(t, n.cmd)
}

// up starts the resolver, and returns how long it took to answer.
func (n *node) up(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	n.start(t)
	for time.Since(begin) < startsWithin {
		if took, answered := n.first(begin); answered {
			return took
		}
		if u, err := n.use(); err != nil || u.killed > 0 {
			t.Fatalf("%s: the kernel ended it as it started, %v", n.name, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no answer within %s: %s", startsWithin, n.log)
	return 0
}

// reload changes the Corefile, and has the resolver read it.
func (n *node) reload(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(n.corefile())
	if err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, n.corefile(), string(text)+"# changed\n")
	if err := n.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}

// stop ends the resolver as Kubernetes does.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = n.cmd.Wait() // how it ended is of no interest
}

// cpu is the processor time that the resolver used.
func (n *node) cpu(t *testing.T) time.Duration {
	t.Helper()
	used, err := usage.CPU(n.cmd.Process.Pid)
	if err != nil {
		t.Fatalf("%v: %s", err, n.log)
	}
	return used
}

// collection finds the processor times of a collection in a line of gctrace, in ms:
// "... 0.01+0.5/0.9/0+0.02 ms cpu ...".
var collection = regexp.MustCompile(`gc \d+ @.* ([\d.+/]+) ms cpu`)

// collecting is the processor time that collections took.
func (n *node) collecting() (all time.Duration) {
	for _, line := range collection.FindAllStringSubmatch(n.log.String(), -1) {
		for _, part := range strings.FieldsFunc(line[1], func(r rune) bool { return r == '+' || r == '/' }) {
			ms, _ := strconv.ParseFloat(part, 64) // the expression has numbers alone
			all += time.Duration(ms * float64(time.Millisecond))
		}
	}
	return all
}

// deployed are the settings of manifests/nearcast for a container of so many octets. Beside what the
// collector counts there are the program's pages and the kernel's buffers: 24 MiB, or an eighth of a large
// container. In one of less than 64 MiB both have to do with less.
func deployed(limit int64) []string {
	memory := max(limit*5/8, min(limit-24*mebi, limit*7/8))
	return []string{"GOGC=400", fmt.Sprintf("GOMEMLIMIT=%d", memory)}
}
