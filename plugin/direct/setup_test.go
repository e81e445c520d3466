package direct

import (
	"io"
	golog "log"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const nearcastBlock = "nearcast {\ncluster mk-core\nmanifests DIR/federation\n}\n"

// TestDirectIsOffAndSaysWhyIfItCouldDiffer checks that the server still serves in that
// case.
func TestDirectIsOffAndSaysWhyIfItCouldDiffer(t *testing.T) {
	for _, c := range []struct{ corefile, reason string }{
		{"fn.example.org:PORT {\nbind LOOPBACK\ndirect\nrewrite name a b\n" + nearcastBlock + "}", "the plugin rewrite, which may block on I/O, runs first"},
		{"fn.example.org:PORT {\nbind LOOPBACK\ndirect\nwhoami\n}", "the plugin whoami, which may block on I/O, runs first"},
		{"fn.example.org:PORT {\nbind LOOPBACK\ndirect\nlog\n}", "no plugin in this block, such as nearcast, is known to answer without blocking"},
		{"fn.example.org:PORT {\nbind LOOPBACK\nproxyproto\ndirect\n" + nearcastBlock + "}", "the plugin proxyproto changes how this port is read or written"},
		{"fn.example.org:PORT {\nbind LOOPBACK\ndirect\n" + nearcastBlock + "}\nother.example:PORT {\nbind LOOPBACK\nshed\nwhoami\n}", "the plugin shed changes how this port is read or written"},
		{"fn.example.org:PORT {\nbind LOOPBACK\nview a {\nexpr true\n}\nwhoami\n}\nfn.example.org:PORT {\nbind LOOPBACK\ndirect\n" + nearcastBlock + "}", "another server block also serves fn.example.org. on port PORT"},
		{"fn.example.org:PORT {\nbind LOOPBACK\nview a {\nexpr true\n}\ndirect\n" + nearcastBlock + "}", "its view may hand a query to another block, which may block on I/O"},
		{"fn.example.org:0 {\nbind LOOPBACK\ndirect\n" + nearcastBlock + "}", "the server listens on port 0"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var logged fixture.Output
			golog.SetOutput(&logged)
			defer golog.SetOutput(io.Discard)
			port := freePort(t)
			s := serve(t, fill(c.corefile, "PORT", port, "DIR", federated(t, hello)))
			if got := logged.String(); !strings.Contains(got, "Corefile:") || !strings.Contains(got, "off: "+fill(c.reason, "PORT", port)) {
				t.Errorf("logged %q, want %q", got, c.reason)
			}
			if n := opened(); n != 0 {
				t.Errorf("%d listeners are open", n)
			}
			if got := ask(t, s.Instance.Servers()[0].LocalAddr().String(), "hello.demo.fn.example.org.", dns.TypeA); !strings.HasPrefix(got, "NOERROR") && !strings.HasPrefix(got, "SERVFAIL") {
				t.Errorf("answered %s", got)
			}
		})
	}
}

// TestOnlyNamesThatItsServerAnswersArePrompt checks that a name is not answered in place if
// another server, block or plugin answers for it.
func TestOnlyNamesThatItsServerAnswersArePrompt(t *testing.T) {
	one, two := freePort(t), freePort(t)
	corefile := "a.fn.example.org:ONE {\nbind LOOPBACK\ndirect\n" + nearcastBlock + "}\n.:ONE {\nbind LOOPBACK\nwhoami\n}\n" +
		"fn.example.org:TWO {\nbind LOOPBACK\ndirect\nnearcast {\ncluster mk-core\nmanifests DIR/federation\nfallthrough\n}\nwhoami\n}\n"
	wild := fixture.Function{Name: "wild", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.wild.fn.example.org")}
	serve(t, fill(corefile, "ONE", one, "TWO", two, "DIR", federated(t, hello, wild)))
	ask(t, at(two), "hello.demo.fn.example.org.", dns.TypeA) // both serve
	ask(t, at(one), "hello.a.fn.example.org.", dns.TypeA)
	prompt := func(port int, name string) bool {
		listeners.mu.Lock()
		defer listeners.mu.Unlock()
		for addr, l := range listeners.all {
			if int(addr.Port()) == port {
				return l.active.Load().prompt([]byte(name))
			}
		}
		t.Fatalf("no listener is open at port %d", port)
		return false
	}
	for _, c := range []struct {
		port int
		name string
		want bool
	}{
		{one, "hello.a.fn.example.org.", true}, {one, "hello.demo.fn.example.org.", false}, {one, "example.", false},
		{two, "hello.demo.fn.example.org.", true}, {two, "nope.demo.fn.example.org.", false}, {two, "x.wild.fn.example.org.", false},
		{two, "hello.a.fn.example.org.", false},
	} {
		if got := prompt(c.port, c.name); got != c.want {
			t.Errorf("%s at port %d: %v", c.name, c.port, got)
		}
	}
}

func TestAFaultyLineKeepsTheServerFromStarting(t *testing.T) {
	for _, c := range []struct{ corefile, reason string }{
		{"direct localhost\n", `Corefile:2 - Error during parsing: "localhost" is not a host's address`},
		{"direct 0.0.0.0\n", `"0.0.0.0" is not a host's address`},
		{"direct {\nfast\n}\n", `unexpected "fast": direct has no settings; remove the braces`},
		{"direct\n{\n}\n", "Corefile:3 - Error during parsing: unexpected {: it belongs on the line of direct"},
		{"direct\ndirect\n", "direct is in this server block twice, first on line 2"},
		{"direct\n", "Corefile:2: the server listens on all addresses; list those that clients query"},
		{"bind LOOPBACK\ndirect 192.0.2.1\n", "Corefile:3: bind limits the server to LOOPBACK; remove the addresses here"},
	} {
		t.Run(strings.Fields(c.reason)[0], func(t *testing.T) {
			corefile := "fn.example.org:PORT {\n" + c.corefile + nearcastBlock + "}"
			instance, err := coredns.Start(fill(corefile, "PORT", freePort(t), "DIR", federated(t, hello)))
			if err == nil {
				_ = instance.Stop()
				t.Fatal("started")
			}
			if want := fill(c.reason); !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if n := opened(); n != 0 {
				t.Errorf("%d listeners are left", n)
			}
		})
	}
}

// opened returns how many listeners are open.
func opened() int {
	listeners.mu.Lock()
	defer listeners.mu.Unlock()
	return len(listeners.all)
}

// TestReadmeIsTrue starts every Corefile of the README, and checks that it documents
// every plugin that may run first, and the metric.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		// None of these addresses belongs to a network of this machine.
		corefile = strings.NewReplacer("/etc/nearcast", "DIR", "192.0.2.53 2001:db8::53", "LOOPBACK ::1", "192.0.2.53", "LOOPBACK",
			"fn.example.org {", "fn.example.org:PORT {", ". {", ".:PORT {", "198.51.100.1", "127.0.0.1:1").Replace(corefile)
		corefile = strings.Replace(corefile, "nearcast fn.example.org:PORT {", "nearcast fn.example.org {", 1)
		port := fixture.FreePort(t, "") // one example listens on all addresses
		serve(t, fill(corefile, "DIR", federated(t, hello), "PORT", port))
		if got := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA); !strings.HasPrefix(got, "NOERROR 192.0.2.") {
			t.Errorf("%s\nanswers %s", corefile, got)
		}
		if opened() == 0 {
			t.Errorf("%s\nis not served directly", corefile)
		}
		examples++
	}
	if examples < 2 {
		t.Errorf("%d examples, want at least two", examples)
	}
	for name := range passing {
		if !strings.Contains(readme, "*"+name+"*") {
			t.Errorf("the README does not say that %s may run first", name)
		}
	}
	if !strings.Contains(readme, "`coredns_direct_queries_total{") {
		t.Error("the README does not document the metric")
	}
	last := -1
	for _, section := range []string{"Name", "Description", "Syntax", "Metrics", "Examples", "Bugs", "See Also"} {
		i := strings.Index(readme, "\n## "+section+"\n")
		if i <= last {
			t.Errorf("%s is missing or out of order", section)
		}
		last = i
	}
}
