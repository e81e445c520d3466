// Package coredns builds CoreDNS with Nearcast's plugins as anybody does who has a
// CoreDNS of their own: from the released module and plugin.cfg, as docs/coredns-build.md
// says. In this repository another program has them built in.
package coredns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/base/version"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const (
	root   = "../.."
	module = "github.com/nearcast/nearcast"
)

// run runs a command in a folder and returns what it prints.
func run(t *testing.T, dir string, command ...string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

// sources returns a copy of CoreDNS's module, whose files can be changed.
func sources(t *testing.T) string {
	t.Helper()
	from := strings.TrimSpace(run(t, root, "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns"))
	dir := filepath.Join(t.TempDir(), "coredns")
	run(t, root, "cp", "-r", from, dir)
	run(t, root, "chmod", "-R", "u+w", dir)
	return dir
}

// lines are those of plugin.cfg in docs/coredns-build.md: in groups, each of which begins
// with a line of CoreDNS's own, behind which the others belong.
func lines(t *testing.T) (groups [][]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/coredns-build.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "\n```\n")
	block, _, _ := strings.Cut(after, "\n```")
	for group := range strings.SplitSeq(block, "...\n") {
		var names []string
		for line := range strings.Lines(group) {
			line, _, _ = strings.Cut(line, "#")
			names = append(names, strings.TrimSpace(line))
		}
		groups = append(groups, names)
	}
	if len(groups) < 4 {
		t.Fatalf("%d groups of lines in docs/coredns-build.md; there are more", len(groups))
	}
	return groups
}

// configured returns plugin.cfg with the groups in it.
func configured(t *testing.T, config string, groups [][]string) string {
	t.Helper()
	all := strings.Split(config, "\n")
	for _, group := range groups {
		all = slices.DeleteFunc(all, func(line string) bool { return slices.Contains(group[1:], line) })
		at := slices.Index(all, group[0])
		if at < 0 {
			t.Fatalf("plugin.cfg has no line %q", group[0])
		}
		all = slices.Insert(all, at+1, group[1:]...)
	}
	return strings.Join(all, "\n")
}

// built returns the path of a CoreDNS with the plugins, and the folder of its sources.
func built(t *testing.T) (program, dir string) {
	t.Helper()
	dir = sources(t)
	config := filepath.Join(dir, "plugin.cfg")
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	groups := lines(t)
	fixture.Write(t, config, configured(t, string(before), groups))
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	release := module + "@v" + version.Nearcast
	run(t, dir, "go", "mod", "edit", "-require="+release, "-replace="+release+"="+here)
	run(t, dir, "go", "generate", "coredns.go")
	run(t, dir, "go", "get")
	program = filepath.Join(dir, "coredns")
	run(t, dir, "go", "build", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", program)
	return program, dir
}

// order returns the plugins as the sources have them.
func order(t *testing.T, dir string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "core/dnsserver/zdirectives.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`(?m)^\t"([a-z0-9_]+)",$`).FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	return names
}

// TestAStockCoreDNSWithThePluginsAnswers builds it, which takes minutes the first time.
func TestAStockCoreDNSWithThePluginsAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it builds CoreDNS")
	}
	program, dir := built(t)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("CoreDNS with the plugins has %d MB", info.Size()>>20)

	want, err := directives.Order()
	if err != nil {
		t.Fatal(err)
	}
	if got := order(t, dir); !slices.Equal(got, want) {
		t.Errorf("plugin.cfg gives the order\n%v\nand the programs here have\n%v", got, want)
	}

	federation := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(fixture.Function{Name: "hello", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()})})
	files := fixture.Dir(t, map[string]string{
		"locations.csv": fixture.Locations,
		"local.rpz":     "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\nshop.example.com CNAME hello.demo.fn.example.org.\nads.example.net CNAME .\n",
	})
	port := fixture.FreePort(t, fixture.Loopback())
	fixture.Write(t, filepath.Join(files, "Corefile"), fmt.Sprintf(`.:%d {
    bind %s
    acl {
        allow net 127.0.0.0/8
        block
    }
    rpz {
        zone local.rpz.example {
            file local.rpz
        }
        qname-wait-recurse no
    }
    nearcast fn.example.org {
        cluster de-wide
        manifests %s
        locations locations.csv
    }
    cache
}
`, port, fixture.Loopback(), federation))
	cmd := exec.Command(program, "-conf", "Corefile")
	cmd.Dir = files
	output := fixture.Run(t, cmd)
	server := fmt.Sprintf("%s:%d", fixture.Loopback(), port)
	for name, want := range map[string]string{
		"hello.demo.fn.example.org.": "192.0.2.2",
		"shop.example.com.":          "192.0.2.2",
		"ads.example.net.":           "NXDOMAIN",
	} {
		if got := asked(server, name); got != want {
			t.Errorf("%s is answered with %s, want %s\n%s", name, got, want, output)
		}
	}
}

// asked returns the last address that a client in the USA is answered with, or what was
// answered in its place. It waits until the server has its state.
func asked(server, name string) (last string) {
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	q.SetEdns0(1232, false)
	q.IsEdns0().Option = append(q.IsEdns0().Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 16, Address: []byte{10, 2, 0, 0},
	})
	for range 120 {
		reply, err := dns.Exchange(q, server)
		switch {
		case err != nil:
			last = err.Error()
		case reply.Rcode == dns.RcodeServerFailure:
			last = "SERVFAIL"
		case len(reply.Answer) == 0:
			return dns.RcodeToString[reply.Rcode]
		default:
			if a, ok := reply.Answer[len(reply.Answer)-1].(*dns.A); ok {
				return a.A.String()
			}
			return reply.String()
		}
		time.Sleep(250 * time.Millisecond)
	}
	return last
}
