package feed

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// contentOf makes sorted content of bytes: each is a name and its data.
func contentOf(data []byte) []*Node {
	all := map[string]*Node{}
	for _, b := range data {
		owner := fmt.Sprintf("n%d.%s", b>>3, apexName)
		var rrs []dns.RR
		for i := range b & 3 {
			rrs = append(rrs, records.Address(".", address(int(b>>2&1)+1, int(i)), 10+uint32(b>>2&1)))
		}
		n, err := newNode(owner, rrs)
		if err != nil {
			panic(err)
		}
		all[owner] = n
	}
	var sorted []*Node
	for _, n := range all {
		sorted = append(sorted, n)
	}
	slices.SortFunc(sorted, compareNodes)
	return sorted
}

func testHead() *head { return &head{apex: testApex(), policy: "a._rpz." + apexName, ttl: 30} }

func sameContent(a, b []*Node) bool {
	return slices.EqualFunc(a, b, func(a, b *Node) bool { return *a == *b })
}

// chain is a Book that had each of the contents in turn; parts of data are separated by
// 255.
func chain(data []byte) (states []*history) {
	var now *history
	for part := range bytes.SplitSeq(data, []byte{255}) {
		nodes := contentOf(part)
		if now == nil {
			now = &history{serial: 4294967290, head: testHead(), nodes: nodes, size: sizeOf(nodes)}
		} else if changes := difference(now.nodes, nodes); len(changes) > 0 {
			now = now.next(after(now.serial, 7), changes)
		}
		states = append(states, now)
	}
	return states
}

// FuzzADifferenceLeadsFromOldToNew transfers to secondaries of every age, in both forms,
// and writes the journal.
func FuzzADifferenceLeadsFromOldToNew(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 2, 3, 255, 1, 2, 3, 9, 17, 255, 18})
	f.Add([]byte{255, 8, 9, 255, 255, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			return
		}
		states := chain(data)
		last := states[len(states)-1]
		for _, old := range states {
			if changes, known := last.since(old.serial); !known || !sameContent(apply(old.nodes, changes), last.nodes) {
				t.Fatalf("from %d: known %v", old.serial, known)
			}
			for _, form := range []form{policy, plain} {
				b := &Book{}
				b.now.Store(last)
				w := &tcp{}
				name := last.head.name(form)
				if _, err := (ClientZone{&writtenZone{head: last.head, book: b}, form}).Serve(w, ask(name, dns.TypeIXFR, old.serial)); err != nil {
					t.Fatal(err)
				}
				secondary := old.set(form)
				if incrementally(t, secondary, w.records()); !sameSet(secondary, last.set(form)) {
					t.Fatalf("from %d: a secondary has %v, want %v", old.serial, secondary, last.set(form))
				}
			}
		}
		raw := frame([]byte("title\n"), encodeContent(states[0]))
		for i, h := range states[1:] {
			if h != states[i] {
				raw = frame(raw, encodeStep(h.steps[len(h.steps)-1]))
			}
		}
		read, head, whole, err := parseFile(raw, "title\n")
		if err != nil || whole != len(raw) || head != last.head.String() || read.serial != last.serial || !sameContent(read.nodes, last.nodes) ||
			len(read.steps) != len(last.steps) || read.size != last.size || read.stepsSize != last.stepsSize {
			t.Fatalf("%v: read %+v, want %+v", err, read, last)
		}
	})
}

// FuzzJournal checks that no file makes the reader panic, and that it can write and read
// again what it accepts.
func FuzzJournal(f *testing.F) {
	kept := newFile(f.TempDir(), "test", "a._rpz."+apexName)
	for _, h := range chain([]byte{1, 2, 3, 255, 2, 3, 255, 1, 2, 3, 9, 17, 255, 18}) {
		if err := kept.append(h); err != nil {
			f.Fatal(err)
		}
	}
	kept.close()
	raw, err := os.ReadFile(kept.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)-3])
	f.Add([]byte(kept.title))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, _, whole, err := parseFile(raw, kept.title)
		if err != nil {
			return
		}
		if whole > len(raw) {
			t.Fatal("more than there is")
		}
		h.head = testHead()
		for _, form := range []form{policy, plain} {
			h.text(form)
		}
	})
}

func TestSerialsFollowRFC1982AndTheClock(t *testing.T) {
	for _, c := range []struct{ serial, now, want uint32 }{
		{0, 1700000000, 1700000000},
		{1700000000, 1700000001, 1700000001},
		{1700000000, 1700000000, 1700000001},
		{1700000009, 1700000000, 1700000010}, // the clock went back
		{4294967295, 4294967295, 0},
		{4294967295, 5, 5},
		{5, 4294967295, 6},
	} {
		if got := after(c.serial, c.now); got != c.want || !later(got, c.serial) {
			t.Errorf("after %d at %d: %d, want %d", c.serial, c.now, got, c.want)
		}
	}
}

// TestTheHistoryIsBounded changes one name many times, and then everything.
func TestTheHistoryIsBounded(t *testing.T) {
	h := chain([]byte{9, 17, 25})[0]
	for i := range 3 * mostSteps {
		h = h.next(h.serial+1, difference(h.nodes, contentOf([]byte{byte(9 + i%3), 17, 25})))
		if h.stepsSize > leastHistory || len(h.steps) > mostSteps {
			t.Fatalf("%d steps of %d octets", len(h.steps), h.stepsSize)
		}
	}
	if len(h.steps) < 100 {
		t.Errorf("only %d steps are kept", len(h.steps))
	}
	if _, known := h.since(1); known {
		t.Error("still knows a forgotten serial")
	}
	size := 0
	for _, s := range h.steps {
		size += s.size
	}
	if size != h.stepsSize || sizeOf(h.nodes) != h.size {
		t.Errorf("%d and %d octets, counted %d and %d", size, sizeOf(h.nodes), h.stepsSize, h.size)
	}
}

// TestAJournalIsRewrittenBeforeItGrows checks the bound on disk, and that the history
// survives it.
func TestAJournalIsRewrittenBeforeItGrows(t *testing.T) {
	kept := newFile(t.TempDir(), "test", "a._rpz."+apexName)
	h := chain([]byte{9, 17, 25})[0]
	for i := range 3000 {
		h = h.next(h.serial+1, difference(h.nodes, contentOf([]byte{byte(9 + i%3), 17, 25})))
		if err := kept.append(h); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(kept.path); err != nil || info.Size() > 5*leastHistory {
			t.Fatal(info, err)
		}
	}
	kept.close()
	read, _, err := kept.load()
	kept.close()
	if err != nil || !sameContent(read.nodes, h.nodes) || len(read.steps) < 100 || read.serial != h.serial {
		t.Errorf("%v: %+v", err, read)
	}
}

// TestAFullDiskStopsNoChange has a journal that cannot be written until the directory
// exists: this is logged once, and the journal is then written without another change.
func TestAFullDiskStopsNoChange(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	synctest.Test(t, func(t *testing.T) {
		log := &memo{}
		by := &Set{}
		b := &Book{key: bookKey{policy: "a._rpz." + apexName}, log: log, writers: []*Set{by}}
		b.file = newFile(gone, "test", "a._rpz."+apexName)
		first, _ := b.replace(by, testHead(), contentOf([]byte{9}))
		second, changed := b.replace(by, testHead(), contentOf([]byte{10}))
		time.Sleep(time.Hour)
		if !changed || !later(second.serial, first.serial) || strings.Count(log.String(), "the serial starts from the clock") != 1 {
			t.Errorf("changed %v, %q", changed, log)
		}
		if err := os.Mkdir(gone, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * keepAgain)
		synctest.Wait()
		b.file.close()
		again := newFile(gone, "test", "a._rpz."+apexName)
		read, _, err := again.load()
		again.close()
		if err != nil || read == nil || read.serial != second.serial || !strings.Contains(log.String(), "the journal is written again") {
			t.Errorf("%+v, %v, %q", read, err, log)
		}
	})
}

// TestUDPGetsWhatFits requests a difference over UDP that fits, and some that do not.
func TestUDPGetsWhatFits(t *testing.T) {
	states := chain([]byte{9, 17, 25, 33, 41, 49, 255, 9, 18, 26, 34, 42, 49, 255, 9, 18, 26, 34, 42, 50})
	b := &Book{}
	b.now.Store(states[2])
	z := ClientZone{&writtenZone{head: states[2].head, book: b}, policy}
	for _, c := range []struct {
		serial  uint32
		payload uint16
		records int
	}{
		{states[2].serial, 0, 1}, {states[1].serial, 1232, 7}, {states[0].serial, 512, 1}, {states[0].serial - 1, 4096, 1}, {states[2].serial + 1, 4096, 1},
	} {
		m := ask("a._rpz."+apexName, dns.TypeIXFR, c.serial)
		if c.payload > 0 {
			m.SetEdns0(c.payload, false)
		}
		w := &udp{}
		if _, err := z.Serve(w, m); err != nil {
			t.Fatal(err)
		}
		if c.records == 1 != (len(w.reply.Answer) == 1) || w.reply.Len() > max(512, int(c.payload)) {
			t.Errorf("from %d with %d octets: %d records, %d octets", c.serial, c.payload, len(w.reply.Answer), w.reply.Len())
		}
	}
	w := &udp{}
	if rcode, _ := z.Serve(w, ask("a._rpz."+apexName, dns.TypeAXFR, 0)); rcode != dns.RcodeRefused || w.reply != nil {
		t.Error("AXFR over UDP")
	}
}
