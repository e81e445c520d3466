// Package hostile attacks the programs as tenants, members and strangers would, and
// checks what must not change. Each attack has a control, which shows
// that the attack works: an attack that reaches nothing proves nothing.
package hostile

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// bin holds the programs, built once.
var bin string

func TestMain(m *testing.M) {
	fixture.Main(m, func(dir string) error {
		bin = dir
		return fixture.Build(bin, "coredns", "nearcast", "nearcast-speaker")
	})
}

// slack is what a loaded machine may add to any bound.
const slack = 20 * time.Second

// program is one that a test started, and ends with it.
type program struct {
	*exec.Cmd
	log *fixture.Output
}

// run starts a program, which ends with the test.
func run(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	return &program{cmd, fixture.Run(t, cmd)}
}

// world is a directory with a federation, and the address of the server that reads it.
type world struct {
	dir  string
	addr string // host:port
}

// newWorld returns a world with the directory fed, whose file victims.yaml has the documents.
func newWorld(t *testing.T, victims ...fixture.Document) *world {
	t.Helper()
	host := fixture.AnotherLoopback()
	w := &world{dir: t.TempDir(), addr: net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))}
	if err := os.Mkdir(filepath.Join(w.dir, "fed"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write(t, "victims", victims...)
	return w
}

// write makes the documents a file of the federation.
func (w *world) write(t *testing.T, name string, documents ...fixture.Document) {
	t.Helper()
	fixture.Write(t, filepath.Join(w.dir, "fed", name+".yaml"), fixture.Documents(documents...))
}

// serve starts CoreDNS and waits until it answers; in the Corefile {host}, {port} and
// {dir} stand for the world's.
func (w *world) serve(t *testing.T, corefile string) *program {
	t.Helper()
	host, port, _ := net.SplitHostPort(w.addr)
	path := filepath.Join(w.dir, "Corefile")
	fixture.Write(t, path, strings.NewReplacer("{host}", host, "{port}", port, "{dir}", w.dir).Replace(corefile))
	p := run(t, filepath.Join(bin, "coredns"), "-conf", path)
	eventually(t, "it answers", func() error {
		_, err := dns.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), w.addr)
		return err
	})
	return p
}

// ask returns the answer to a query over UDP, with its answers sorted into one line of
// addresses and texts, or its rcode where there is none.
func (w *world) ask(t *testing.T, name string, qtype uint16) string {
	t.Helper()
	query := new(dns.Msg).SetQuestion(name, qtype)
	query.SetEdns0(1232, false)
	reply, err := dns.Exchange(query, w.addr)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, rr := range reply.Answer {
		all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if len(all) == 0 {
		return dns.RcodeToString[reply.Rcode]
	}
	return strings.Join(all, " ")
}

// eventually tries until try returns nil.
func eventually(t *testing.T, what string, try func() error) time.Duration {
	t.Helper()
	return fixture.Eventually(t, what, slack, try)
}
