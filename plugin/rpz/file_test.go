package rpz

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// listed returns a zone with n rules, from n0.test on.
func listed(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "n%d.test CNAME .\n", i)
	}
	return b.String()
}

// oneFile is a Corefile with a zone that is a file; extra are lines of the block.
func oneFile(t *testing.T, extra string) (corefile, path string) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	path = filepath.Join(dir, "rpz1")
	return strings.NewReplacer("BODY", "zone rpz1 {\nfile "+path+"\n}\n"+strings.ReplaceAll(extra, "DIR", dir), "DIR", dir).Replace(block), path
}

// TestAnUnreadableListPreventsNoStart has lists as they were published, and what may be
// found in their place.
func TestAnUnreadableListPreventsNoStart(t *testing.T) {
	folder := func(t *testing.T, path string) {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) func(*testing.T, string) {
		return func(t *testing.T, path string) { fixture.Write(t, path, s) }
	}
	for name, put := range map[string]func(*testing.T, string){
		"nothing":             func(*testing.T, string) {},
		"a directory":         folder,
		"an empty file":       text(""),
		"a serial of 33 bits": text("@ SOA ns. host. 20260101120000 2 3 4 5\n@ NS ns.\na.test CNAME .\n"),
		"no SOA":              text("a.test CNAME .\n"),
		"a label of 64":       text(withSOA(strings.Repeat("l", 64) + ".test CNAME .\na.test CNAME .\n")),
		"gzip":                text("\x1f\x8b\x08\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			corefile, path := oneFile(t, "")
			put(t, path)
			s := serve(t, corefile)
			m := question("a.test.", dns.TypeA)
			m.SetEdns0(1232, false)
			reply := s.exchange(m, "udp")
			if codes := extendedErrors(reply); reply.Rcode != dns.RcodeServerFailure || len(codes) != 1 || codes[0] != dns.ExtendedErrorCodeNotReady {
				t.Errorf("before: %s", reply)
			}
			_ = os.Remove(path) // a directory would prevent the rename
			fixture.Write(t, path, withSOA("a.test CNAME .\n"))
			s.expect("a.test.", "NXDOMAIN"+soa1)
		})
	}
	corefile, _ := oneFile(t, "servfail-until-ready no")
	serve(t, corefile).expect("b.test.", "NOERROR, b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS")
}

func TestOnlyTheLineOutsideTheZoneIsSkipped(t *testing.T) {
	s, _ := serveRules(t, "", "a.test CNAME .\nb.test. CNAME .\nalias.test CNAME *.\n")
	s.expect("a.test.", "NXDOMAIN"+soa1)
	s.expect("alias.test.", "NOERROR"+soa1)
	s.expect("b.test.", "NOERROR, b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS")
}

// TestAnInvalidFileAtStartIsReplacedByItsCopy breaks it in three ways between two starts.
func TestAnInvalidFileAtStartIsReplacedByItsCopy(t *testing.T) {
	corefile, path := oneFile(t, "state DIR/state")
	for i, bad := range []string{"a.test CNAME .\nb.test A 192.0.2.999\n", strings.Repeat("l", 64) + " CNAME .\n", ""} {
		t.Run("good", func(t *testing.T) {
			fixture.Write(t, path, withSOA(fmt.Sprintf("a.test CNAME .\nb.test A 203.0.113.%d\n", i)))
			s := serve(t, corefile)
			s.expect("b.test.", fmt.Sprintf("NOERROR, b.test. 5 A 203.0.113.%d%s", i, soa1))
			z := readCopy(t, path, i)
			for deadline := time.Now().Add(10 * time.Second); !z(); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no copy was saved")
				}
			}
		})
		t.Run("bad", func(t *testing.T) {
			if bad == "" {
				_ = os.Remove(path) // it is written again below
			} else {
				fixture.Write(t, path, withSOA(bad))
			}
			s := serve(t, corefile)
			s.expect("a.test.", "NXDOMAIN"+soa1)
			s.expect("b.test.", fmt.Sprintf("NOERROR, b.test. 5 A 203.0.113.%d%s", i, soa1))
			fixture.Write(t, path, withSOA("a.test CNAME *.\n"))
			s.expect("a.test.", "NOERROR"+soa1)
		})
	}
}

// readCopy returns a function that reports whether the copy has the rule of the round.
func readCopy(t *testing.T, path string, round int) func() bool {
	return func() bool {
		o := origin{zone: "rpz1.", file: path, state: filepath.Join(filepath.Dir(path), "state")}
		f := newFile(&source{origin: o})
		z, _ := f.copied()
		if z == nil {
			return false
		}
		for rr := range z.Records() {
			if a, ok := rr.(*dns.A); ok && int(a.A.To4()[3]) == round {
				return true
			}
		}
		return false
	}
}

// TestAReloadWithAnInvalidFileIsRefused holds that a running configuration goes on with
// the zones that it has, rather than answer SERVFAIL.
func TestAReloadWithAnInvalidFileIsRefused(t *testing.T) {
	s, dir := serveRules(t, "", "a.test CNAME .\n")
	for _, text := range []string{"", "x..test CNAME .\n"} {
		other := filepath.Join(dir, "other")
		if text != "" {
			fixture.Write(t, other, withSOA(text))
		}
		corefile := strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}\nzone rpz2 {\nfile "+other+"\n}", "DIR", dir).Replace(block)
		if err := s.Restart(corefile); err == nil || !strings.Contains(err.Error(), other) {
			t.Fatalf("the reload: %v", err)
		}
		if n := len(caddy.Instances()); n != 1 {
			t.Errorf("%d configurations run", n)
		}
		s.expect("a.test.", "NXDOMAIN"+soa1)
	}
}

// TestBlocksDoNotTakeEachOthersRules has two blocks with a zone of one name and two files,
// of which one cannot be used.
func TestBlocksDoNotTakeEachOthersRules(t *testing.T) {
	corefile, path := oneFile(t, "qname-wait-recurse no")
	fixture.Write(t, path, withSOA("a.test CNAME .\na.other CNAME .\n"))
	fixture.Write(t, path+".bad", withSOA("x..test CNAME .\n"))
	other := strings.ReplaceAll(corefile, "file "+path, "file "+path+".bad")
	s := serve(t, corefile+"\n"+strings.Replace(other, ".:0", "test:0", 1))
	s.expect("a.other.", "NXDOMAIN"+soa1)
	s.expect("a.test.", "SERVFAIL")
}

// arriving is a zone of 100 rules in use, whose file is changed by a test.
func arriving(t *testing.T) *file {
	path := filepath.Join(t.TempDir(), "rpz1")
	fixture.Write(t, path, withSOA(listed(0, 100)))
	f := newFile(&source{origin: origin{zone: "rpz1.", file: path}, users: map[*RPZ]bool{}, named: map[string]bool{}})
	if err := f.begin(false); err != nil {
		t.Fatal(err)
	}
	return f
}

// over overwrites the file in place, as curl -o and a shell do.
func over(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnIncompleteListIsNotUsed checks how many records are in use a moment after a file
// was changed, once it has stopped changing, and much later.
func TestAnIncompleteListIsNotUsed(t *testing.T) {
	const all = 101 // with NS
	whole := func(n int) string { return withSOA(listed(1000, 1000+n)) }
	for name, c := range map[string]struct {
		change            func(t *testing.T, path string)
		soon, quiet, late int
		says              string
	}{
		"half, and stalled": {func(t *testing.T, path string) { over(t, path, whole(50)) }, all, all, 51, "has 51 records, but 101 are in use"},
		"half of a line":    {func(t *testing.T, path string) { over(t, path, strings.TrimSuffix(whole(50), "\n")) }, all, all, all, "has 51 records, but 101 are in use, and ends in the middle of a line"},
		"cut inside a name": {func(t *testing.T, path string) { over(t, path, whole(50)+"n7.te") }, all, all, all, ""},
		"no final newline":  {func(t *testing.T, path string) { over(t, path, strings.TrimSuffix(whole(100), "\n")) }, all, all, 101, "ends in the middle of a line"},
		"emptied":           {func(t *testing.T, path string) { over(t, path, "") }, all, all, all, ""},
		"only its head":     {func(t *testing.T, path string) { over(t, path, withSOA("")) }, all, all, 1, "has 1 records, but 101 are in use"},
		"grown":             {func(t *testing.T, path string) { over(t, path, whole(150)) }, all, 151, 151, ""},
		"slightly less":     {func(t *testing.T, path string) { over(t, path, whole(95)) }, all, 96, 96, ""},
		"renamed, half": {func(t *testing.T, path string) {
			over(t, path+".new", whole(50))
			time.Sleep(20 * time.Millisecond) // longer than a tick of the kernel's clock
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, 51, 51, 51, ""},
		"renamed, more": {func(t *testing.T, path string) { fixture.Write(t, path, whole(150)) }, 151, 151, 151, ""},
		"removed, and half written": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			over(t, path, whole(50))
		}, all, all, 51, "has 51 records, but 101 are in use"},
	} {
		t.Run(name, func(t *testing.T) {
			f := arriving(t)
			c.change(t, f.path)
			said := ""
			for _, at := range []struct {
				after time.Duration
				want  int
			}{{0, c.soon}, {2 * time.Second, c.quiet}, {stalled + 2*time.Second, c.late}} {
				f.look(time.Now().Add(at.after))
				if got := f.zone.Load().Len(); got != at.want {
					t.Errorf("after %s %d records are in use, want %d", at.after, got, at.want)
				}
				said += f.change.said
			}
			if said != c.says && said != c.says+c.says {
				t.Errorf("got warnings %q, want %q", said, c.says)
			}
			fixture.Write(t, f.path, whole(160))
			if f.look(time.Now()); f.zone.Load().Len() != 161 {
				t.Errorf("the complete list is not used: %d records", f.zone.Load().Len())
			}
		})
	}
}

// TestAListThatIsWrittenWithoutPauseIsUsed adds a rule before each check.
func TestAListThatIsWrittenWithoutPauseIsUsed(t *testing.T) {
	f := arriving(t)
	start := time.Now()
	for i := range 40 {
		over(t, f.path, withSOA(listed(0, 110+i)))
		at := start.Add(time.Duration(i) * settled)
		if err := os.Chtimes(f.path, at, at); err != nil {
			t.Fatal(err)
		}
		f.look(at)
		switch used := f.zone.Load().Len() > 101; {
		case i < 25 && used:
			t.Fatalf("used after %d s", i)
		case i == 39 && !used:
			t.Error("never used")
		case i == 10 && f.change.said != writing:
			t.Errorf("got warnings %q", f.change.said)
		}
	}
}

func TestCheckTellsDoubtsFromFaults(t *testing.T) {
	corefile, path := oneFile(t, "")
	fixture.Write(t, path, withSOA("a.test CNAME rpz-passthru\nb.test CNAME .\nc.example. CNAME .\n32.1.0.0.10.rpz-ip CNAME rpz-drop\n"))
	at := filepath.Join(filepath.Dir(path), "Corefile")
	fixture.Write(t, at, corefile)
	faults, doubts := Check(at)
	if len(faults) != 1 || len(doubts) != 2 || !strings.Contains(fmt.Sprint(faults), "c.example.") || !strings.Contains(fmt.Sprint(doubts), path+":4: the rule a.test.rpz1. is used, but") {
		t.Errorf("got %v, %v", faults, doubts)
	}
}
