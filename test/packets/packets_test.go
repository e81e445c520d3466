// Package packets_test asks odd packets of BIND, Knot DNS, gdnsd and Nearcast, in CoreDNS's
// chain and by the plugin direct, over UDP and TCP, and explains every difference.
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

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/internal/base/directives"
)

var update = flag.Bool("update", false, "rewrite testdata/table.txt")

func TestMain(m *testing.M) {
	flag.Parse()
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	if err := directives.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// row is what each server made of one packet over one transport.
type row struct {
	packet    odd
	transport string
	classes   []string // by peer
	ours      string
	direct    string
}

func (r row) name() string { return r.packet.name + " over " + r.transport }

// usual returns what most peers make of the packet; "" where no two agree.
func (r row) usual() string {
	for i, class := range r.classes {
		if slices.Contains(r.classes[i+1:], class) {
			return class
		}
	}
	return ""
}

// differs reports whether ours is not what most peers say, or any of them where all differ.
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

// TestOddPacketsAreAnsweredAsByPeers holds that the chain and direct make one thing of
// each packet, that it is what most peers make of it or explained, and that each
// explanation explains something.
func TestOddPacketsAreAnsweredAsByPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("some minutes on a busy machine")
	}
	servers := peersOf(t)
	chain, direct := ours(t)
	rows := observe(t, append(servers, chain, direct))
	used := make([]bool, len(explained))
	alike := 0
	for _, r := range rows {
		if r.ours != r.direct {
			t.Errorf("%s: the chain makes %q of it, and direct %q: %s", r.name(), r.ours, r.direct, hex.EncodeToString(r.packet.data))
		}
		if !r.differs() {
			alike++
			continue
		}
		if !explains(used, r) {
			t.Errorf("not explained: %s", r)
		}
	}
	for i, e := range explained {
		if !used[i] {
			t.Errorf("%q explains nothing any more: %s", e.packets, e.why)
		}
	}
	t.Logf("%d packets over %d transports: %d answered as by most peers, %d explained", len(corpus()), len(transports), alike, len(rows)-alike)
	table(t, rows)
}

// explains marks the explanations that are of the row.
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

// table compares the rows with those that are committed.
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
	for i := range max(len(was), len(is)) {
		if i >= len(was) || i >= len(is) || string(was[i]) != is[i] {
			t.Errorf("%s has another table from line %d on: run this test with -update, and read what changed", file, i+1)
			return
		}
	}
}

// observe asks every packet of every server, the last two of which are ours.
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

// TestTheCorpusIsOfManyKinds keeps packets from getting lost, and each name to one.
func TestTheCorpusIsOfManyKinds(t *testing.T) {
	names, datas, kinds := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, p := range corpus() {
		if names[p.name] {
			t.Errorf("%s is there twice", p.name)
		}
		names[p.name], datas[string(p.data)] = true, true
		kind, _, _ := strings.Cut(p.name, " ")
		kinds[kind]++
	}
	if len(datas) < 500 || len(kinds) < 15 {
		t.Errorf("%d packets of %d kinds: %v", len(datas), len(kinds), kinds)
	}
}
