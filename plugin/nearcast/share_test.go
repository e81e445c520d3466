package nearcast

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
)

const twoViews = `fn.example.org:0 {
	bind LOOPBACK
	view local {
		expr incidr(client_ip(), '127.0.0.0/8')
	}
	nearcast {
		manifests DIR/manifests
		ttl 1 2
		FIRST
	}
}
fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		manifests DIR/../SAME/manifests
		SECOND
	}
}`

func views(dir, first, second string) string {
	return strings.NewReplacer("SAME", filepath.Base(dir), "FIRST", first, "SECOND", second).Replace(twoViews)
}

func TestBlocksOfOneSourceShareOneState(t *testing.T) {
	dir := federated(t, hello)
	s := serve(t, views(dir, "cluster us-azure", "probe interval 1s"), dir)
	i := storedInstance(t, s.Instance)
	if len(i.sites) != 1 || len(i.sources[0].blocks) != 2 {
		t.Fatalf("%d states for %d sources, want one for two blocks", len(i.sites), len(i.sources))
	}
	for _, n := range i.sources[0].blocks {
		if n.site != i.sites[0] {
			t.Error("a block has its own state")
		}
	}
	reply := s.ask("hello.demo.fn.example.org.", dns.TypeA, "")
	if got := summary(reply); got != "NOERROR 192.0.2.2" {
		t.Errorf("%s, want the cluster that the other block set", got)
	}
	if ttl := reply.Answer[0].Header().Ttl; ttl != 2 {
		t.Errorf("TTL %d, want the block's own 2", ttl)
	}
}

func storedInstance(t *testing.T, c *caddy.Instance) *instance {
	t.Helper()
	i, ok := instances.In(c)
	if !ok {
		t.Fatal("no instance")
	}
	return i
}

func TestConflictingBlocksDoNotStart(t *testing.T) {
	dir := federated(t, hello)
	for _, c := range []struct{ first, second, key string }{
		{"cluster us-azure", "cluster de-wide", "cluster"},
		{"cluster us-azure", "at us", "cluster"},
		{"cluster us-azure\nprobe interval 1s", "probe interval 2s", "probe"},
		{"cluster us-azure\nclaim demo a.fn.example.org", "claim demo b.fn.example.org", "claim"},
		{"cluster us-azure\npolicy nearest", "policy failover", "policy"},
		{"cluster us-azure\nhorizon a 10.0.0.0/8", "horizon a 10.0.0.0/9", "horizon"},
		{"cluster us-azure\nadmin DIR/a.sock", "admin DIR/b.sock", "admin"},
	} {
		corefile := strings.ReplaceAll(views(dir, c.first, c.second), "DIR", dir)
		_, err := coredns.Start(corefile)
		if err == nil {
			t.Errorf("%q and %q started", c.first, c.second)
			continue
		}
		last := lineOf(corefile, c.second)
		want := "Corefile:" + last + ": " + c.key + " differs from Corefile:"
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q and %q: %v\nwant %q and the other line", c.first, c.second, err, want)
		}
	}
}

// lineOf returns the number of the last line that contains the first line of the text.
func lineOf(corefile, text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, " DIR")
	last := 0
	for i, line := range strings.Split(corefile, "\n") {
		if strings.Contains(line, text) {
			last = i + 1
		}
	}
	return strconv.Itoa(last)
}
