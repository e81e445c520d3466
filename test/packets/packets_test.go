// Package packets_test sends odd packets to BIND, Knot DNS, gdnsd and Nearcast, in
// CoreDNS's chain and through the plugin direct, over UDP and TCP, and explains every
// difference.
package packets_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
)

var update = flag.Bool("update", false, "rewrite testdata/table.txt")

func TestMain(m *testing.M) { coredns.Main(m) }

// row is the reaction of each server to one packet over one transport.
type row struct {
	packet    odd
	transport string
	classes   []string // by peer
	ours      string
	direct    string
}

func (r row) name() string { return r.packet.name + " over " + r.transport }

// usual returns the reaction of most peers to the packet; "" if no two agree.
func (r row) usual() string {
	for i, class := range r.classes {
		if slices.Contains(r.classes[i+1:], class) {
			return class
		}
	}
	return ""
}

// differs reports whether ours is not that of most peers, or that of any peer if all differ.
func (r row) differs() bool {
	if usual := r.usual(); usual != "" {
		return r.ours != usual
	}
	return !slices.Contains(r.classes, r.ours)
}

func (r row) String() string {
	line := r.name()
	for i, p := range peerNames {
		line += fmt.Sprintf(" | %s %s", p, r.classes[i])
	}
	return fmt.Sprintf("%s | ours %s", line, r.ours)
}

// TestOddPacketsAreAnsweredAsByPeers holds that the chain and direct react alike to each
// packet, like most peers or with an explanation, and that each explanation is needed.
func TestOddPacketsAreAnsweredAsByPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes on a busy machine")
	}
	servers := peersOf(t)
	chain, direct := ours(t)
	rows := observe(t, append(servers, chain, direct))
	used := make([]bool, len(explained))
	alike := 0
	for _, r := range rows {
		if r.ours != r.direct {
			t.Errorf("%s: the chain gives %q, but direct %q: %s", r.name(), r.ours, r.direct, hex.EncodeToString(r.packet.data))
		}
		if !r.differs() {
			alike++
			continue
		}
		if !explains(used, r) {
			t.Errorf("unexplained: %s", r)
		}
	}
	for i, e := range explained {
		if !used[i] {
			t.Errorf("%q is no longer needed as an explanation: %s", e.packets, e.why)
		}
	}
	t.Logf("%d packets over %d transports: %d answered like most peers, %d explained", len(corpus()), len(transports), alike, len(rows)-alike)
	table(t, rows)
}

// explains marks the explanations that apply to the row.
func explains(used []bool, r row) (found bool) {
	for i, e := range explained {
		for _, pattern := range e.packets {
			if ok, err := path.Match(pattern, r.packet.name); ok && err == nil && (e.transport == "" || e.transport == r.transport) {
				used[i], found = true, true
			}
		}
	}
	return found
}

// table compares the rows with the committed ones. A peer may have been upgraded, and answer otherwise: that
// is logged, and is a fault only if ours is then not explained.
func table(t *testing.T, rows []row) {
	t.Helper()
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&b, r)
	}
	file := filepath.Join("testdata", "table.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was := bytes.Split(bytes.TrimSpace(want), []byte("\n"))
	is := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(was) != len(is) {
		t.Errorf("%s has %d packets, and there are %d: run this test with -update, and review the change", file, len(was), len(is))
		return
	}
	upgraded := 0
	for i := range is {
		switch {
		case string(was[i]) == is[i]:
		case oursOf(string(was[i])) != oursOf(is[i]):
			t.Errorf("%s differs from line %d on: run this test with -update, and review the change", file, i+1)
			return
		default:
			upgraded++
		}
	}
	if upgraded > 0 {
		t.Logf("peers answer %d packets otherwise than %s says: run this test with -update, and review the change", upgraded, file)
	}
}

// oursOf returns a line of the table without what peers answer.
func oursOf(line string) string {
	name, rest, _ := strings.Cut(line, " | ")
	return name + rest[strings.LastIndex(rest, " | "):]
}

// observe sends every packet to every server, the last two of which are Nearcast.
func observe(t *testing.T, servers []string) []row {
	t.Helper()
	all := corpus()
	rows := make([]row, 0, len(all)*len(transports))
	for _, p := range all {
		for _, transport := range transports {
			rows = append(rows, row{packet: p, transport: transport})
		}
	}
	var workers sync.WaitGroup
	next := make(chan *row)
	for range 24 {
		workers.Go(func() {
			for r := range next {
				classes := make([]string, len(servers))
				for i, server := range servers {
					classes[i] = class(t, r.transport, server, r.packet.data)
				}
				n := len(peerNames)
				r.classes, r.ours, r.direct = classes[:n], classes[n], classes[n+1]
			}
		})
	}
	for i := range rows {
		next <- &rows[i]
	}
	close(next)
	workers.Wait()
	return rows
}

// TestTheCorpusHasManyKinds keeps packets from getting lost, and names unique.
func TestTheCorpusHasManyKinds(t *testing.T) {
	names, datas, kinds := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, p := range corpus() {
		if names[p.name] {
			t.Errorf("%s appears twice", p.name)
		}
		names[p.name], datas[string(p.data)] = true, true
		kind, _, _ := strings.Cut(p.name, " ")
		kinds[kind]++
	}
	if len(datas) < 500 || len(kinds) < 15 {
		t.Errorf("%d packets of %d kinds: %v", len(datas), len(kinds), kinds)
	}
}
