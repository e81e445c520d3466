package rpz

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nearcast/nearcast/internal/fixture"
)

// disable and enable tell the server; the error is what it refuses.
func disable(t *testing.T, socket, zone, reason string) (Switched, error) {
	t.Helper()
	return call[Switched](t, socket, http.MethodPut, "disabled", url.Values{"zone": {zone}, "reason": {reason}})
}

func enable(t *testing.T, socket, zone string) (Switched, error) {
	t.Helper()
	return call[Switched](t, socket, http.MethodDelete, "disabled", url.Values{"zone": {zone}})
}

func refreshed(t *testing.T, socket, zone string) (Refreshed, error) {
	t.Helper()
	all, err := call[[]Refreshed](t, socket, http.MethodPut, "refresh", url.Values{"zone": {zone}})
	if err != nil || len(all) != 1 {
		return Refreshed{}, fmt.Errorf("%d results, %w", len(all), err)
	}
	return all[0], nil
}

func statusOf(t *testing.T, socket string) Status {
	t.Helper()
	st, err := call[Status](t, socket, http.MethodGet, "status", nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (s *server) restart(corefile string) error {
	next, err := s.instance.Restart(s.input(corefile))
	if err == nil {
		s.instance = next
		s.udp, s.tcp = next.Servers()[0].LocalAddr().String(), next.Servers()[0].Addr().String()
	}
	return err
}

const (
	blockedA = "NXDOMAIN" + soa1
	trueA    = "NOERROR, a.test. 100 A 192.0.2.1, authority:NS"
)

// TestADisabledZoneIsConsultedByNobodyUntilItIsEnabled disables it in two blocks at once,
// through reloads, one of which fails and one of which changes where the zone comes from,
// and over a restart.
func TestADisabledZoneIsConsultedByNobodyUntilItIsEnabled(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("a.test CNAME .\n"))
	fixture.Write(t, filepath.Join(dir, "other"), withSOA("a.test CNAME .\n"))
	one := strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}\nadmin "+socket+"\nstate "+dir+"/state", "DIR", dir).Replace(block)
	inner := strings.NewReplacer(".:0", "a.test:0", "admin "+socket, "", dir+"/rpz1", dir+"/other").Replace(one)
	first := func(t *testing.T) {
		s := serve(t, one+"\n"+inner)
		s.expect("a.test.", blockedA)
		got, err := disable(t, socket, "RPZ1", "it breaks a.test")
		if err != nil || got.Unkept != "" || len(got.Disabled) != 1 || got.Disabled[0].Zone != "rpz1." || got.Disabled[0].Reason != "it breaks a.test" {
			t.Fatalf("%+v, %v", got, err)
		}
		s.expect("a.test.", trueA)
		if testutil.ToFloat64(switchedOff.WithLabelValues("rpz1.")) != 1 {
			t.Error("no metric says so")
		}
		if err := s.restart(one); err != nil {
			t.Fatal(err)
		}
		s.expect("a.test.", trueA)
		if err := s.restart(strings.Replace(one, "rpz {", "rpz {\nstray", 1)); err == nil {
			t.Error("it started")
		}
		if err := s.restart(one + "\nother.example:1 {\nbind 203.0.113.99\nwhoami\n}\n"); err == nil { // fails late
			t.Error("it started")
		}
		s.expect("a.test.", trueA)
		if err := s.restart(strings.ReplaceAll(one, dir+"/rpz1", dir+"/other")); err != nil {
			t.Fatal(err)
		}
		s.expect("a.test.", trueA)
		e := explained(t, socket, "a.test", "192.0.2.7")["A"]
		if want := "NOERROR; rpz1. disabled qname a.test.rpz1. nxdomain a.test."; e.brief() != want || !strings.HasSuffix(e.Zones[0].Reason, ": it breaks a.test") {
			t.Errorf("%s, %s", e.brief(), e.Zones[0].Reason)
		}
		st := statusOf(t, socket)
		if len(st.Zones) != 1 || st.Zones[0].State != StateDisabled || st.Zones[0].Disabled.Reason != "it breaks a.test" || st.Zones[0].Rules["qname"] != 1 || st.Unkept != "" {
			t.Errorf("%+v", st)
		}
	}
	t.Run("first", first)
	t.Run("then", func(t *testing.T) {
		s := serve(t, one)
		s.expect("a.test.", trueA)
		if got, err := enable(t, socket, "rpz1."); err != nil || len(got.Disabled) != 0 || got.Unkept != "" {
			t.Fatalf("%+v, %v", got, err)
		}
		s.expect("a.test.", blockedA)
		if _, err := enable(t, socket, "rpz1."); fmt.Sprint(err) != "rpz1. is not disabled" {
			t.Errorf("%v", err)
		}
	})
	t.Run("at last", func(t *testing.T) { serve(t, one).expect("a.test.", blockedA) })
}

func TestWhatHoldsInMemoryAloneSaysSo(t *testing.T) {
	socket := socketPath(t)
	settings := "admin " + socket
	s, dir := serveRules(t, settings, "a.test CNAME .\n")
	got, err := disable(t, socket, "rpz1", "")
	if err != nil || got.Unkept != "it holds in memory alone, and a restart forgets it: no rpz block has `state`" || statusOf(t, socket).Unkept != got.Unkept {
		t.Errorf("%+v, %v", got, err)
	}
	s.expect("a.test.", trueA)
	// A reload that gives it a folder keeps it there, and what the folder had is past.
	state := filepath.Join(t.TempDir(), "state")
	fixture.Write(t, filepath.Join(dir, "old"), `[{"zone":"rpz2.","since":"2026-01-02T03:04:05Z"}]`)
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "old"), filepath.Join(state, recordName)); err != nil {
		t.Fatal(err)
	}
	corefile := strings.NewReplacer("BODY", settings+"\nstate "+state+"\nzone rpz1 {\nfile "+dir+"/rpz1\n}\n", "DIR", dir).Replace(block)
	if err := s.restart(corefile); err != nil {
		t.Fatal(err)
	}
	s.expect("a.test.", trueA)
	kept, err := os.ReadFile(filepath.Join(state, recordName))
	if err != nil || !strings.Contains(string(kept), `"rpz1."`) || strings.Contains(string(kept), "rpz2") {
		t.Errorf("%s, %v", kept, err)
	}
	if st := statusOf(t, socket); st.Unkept != "" {
		t.Errorf("%+v", st)
	}
}

func TestZonesThatAreNotThereAreNamed(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n", "a.test CNAME .\n")
	const want = "this server has no policy zone rpz3.; it has rpz1., rpz2."
	_, d := disable(t, socket, "rpz3", "")
	_, e := enable(t, socket, "rpz3")
	_, r := refreshed(t, socket, "rpz3")
	for _, err := range []error{d, e, r} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v", err)
		}
	}
	for _, zone := range []string{"", "a..b"} {
		if _, err := disable(t, socket, zone, ""); fmt.Sprint(err) != fmt.Sprintf("zone: %q is not a domain name", zone) {
			t.Errorf("%v", err)
		}
	}
}

// TestADisabledZoneThatIsGoneCanBeEnabled has it removed from the Corefile meanwhile.
func TestADisabledZoneThatIsGoneCanBeEnabled(t *testing.T) {
	socket := socketPath(t)
	s, dir := serveRules(t, "admin "+socket, "a.test CNAME .\n", "a.test CNAME .\n")
	if _, err := disable(t, socket, "rpz2", "noise"); err != nil {
		t.Fatal(err)
	}
	alone := strings.NewReplacer("BODY", "admin "+socket+"\nzone rpz1 {\nfile "+dir+"/rpz1\n}\n", "DIR", dir).Replace(block)
	if err := s.restart(alone); err != nil {
		t.Fatal(err)
	}
	if st := statusOf(t, socket); len(st.Stray) != 1 || st.Stray[0].Zone != "rpz2." || st.Stray[0].Reason != "noise" {
		t.Errorf("%+v", st)
	}
	if got, err := enable(t, socket, "rpz2"); err != nil || len(got.Disabled) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestADisabledZoneKeepsNobodyWaiting has a zone that never was loaded.
func TestADisabledZoneKeepsNobodyWaiting(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	s := serve(t, strings.NewReplacer("BODY", "admin "+socket+"\nzone rpz1 {\nfile "+dir+"/nowhere\n}", "DIR", dir).Replace(block))
	s.expect("a.test.", "SERVFAIL")
	e := explained(t, socket, "a.test", "192.0.2.7")["A"]
	if e.brief() != "SERVFAIL; rpz1. not loaded" || !strings.Contains(e.Zones[0].Reason, "nowhere") || !strings.Contains(e.Outcome, "never loaded") {
		t.Errorf("%s, %+v", e.brief(), e)
	}
	st := statusOf(t, socket).Zones[0]
	if st.State != StateNotLoaded || st.Result != "refused" || !strings.Contains(st.Error, "nowhere") || st.Tried.IsZero() || !st.Since.IsZero() {
		t.Errorf("%+v", st)
	}
	if _, err := disable(t, socket, "rpz1", ""); err != nil {
		t.Fatal(err)
	}
	s.expect("a.test.", trueA)
	if _, err := enable(t, socket, "rpz1"); err != nil {
		t.Fatal(err)
	}
	s.expect("a.test.", "SERVFAIL")
	fixture.Write(t, filepath.Join(dir, "nowhere"), withSOA("a.test CNAME .\n"))
	s.expect("a.test.", blockedA)
}

func TestAFileIsReadOnDemand(t *testing.T) {
	socket := socketPath(t)
	s, dir := serveRules(t, "admin "+socket, listed(0, 100)+"a.test CNAME .\n")
	path := filepath.Join(dir, "rpz1")
	for _, step := range []struct {
		text, result, word string
		rules              int
	}{
		{"", "current", "", 101},
		{withSOA("a.test CNAME *.\n"), "loaded", "", 1}, // a hundred fewer, and not waited for
		{withSOA("a.test CNAME .\nx..y CNAME .\n"), "refused", path + ":5", 1},
		{withSOA(listed(0, 50) + "a.test CNAME ."), "loaded", "", 51},
		{strings.TrimSuffix(withSOA(listed(0, 5)), "\n"), "refused", "end its last line if it is whole", 51},
		{withSOA("a.test CNAME rpz-nothing.\nb.test CNAME .\n"), "loaded", "", 1},
	} {
		if step.text != "" {
			over(t, path, step.text)
		}
		r, err := refreshed(t, socket, "rpz1")
		if err != nil || r.Result != step.result || !r.Done || r.Rules["qname"] != step.rules || !strings.Contains(r.Error, step.word) || (r.Error == "") != (step.word == "") {
			t.Errorf("%.60q: %+v, %v", step.text, r, err)
		}
	}
	s.expect("b.test.", "NXDOMAIN"+soa1)
	if st := statusOf(t, socket).Zones[0]; st.Unusable != 1 || st.Result != "loaded" || st.Error != "" || st.Serial != 7 || st.From != "file "+path || !st.Next.IsZero() {
		t.Errorf("%+v", st)
	}
}

func TestAZoneIsTransferredOnDemand(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	const soa = "$TTL 60\n@ SOA ns. host. %d 3600 3600 3600 30\n@ NS ns.\na.test CNAME .\n"
	p := startPrimary(t, fmt.Sprintf(soa, 1))
	s := serve(t, strings.Replace(transferred(dir, p), "rpz {", "rpz {\nadmin "+socket, 1))
	s.expect("a.test.", blockedA)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "current" || r.Error != "" || r.Serial != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	p.set(t, fmt.Sprintf(soa, 2)+"b.test CNAME .\n")
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "axfr" && r.Result != "ixfr" || r.Serial != 2 || r.Rules["qname"] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	p.gone.Store(true)
	r, err := refreshed(t, socket, "rpz1")
	if err != nil || r.Result == "" || !strings.Contains(r.Error, "from the primary "+p.addr) || r.Serial != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	st := statusOf(t, socket).Zones[0]
	if st.State != StateInUse || st.Error != r.Error || st.Result != r.Result || st.Next.Before(time.Now()) || st.Expires.Before(st.Next) || st.From != "primary "+p.addr+" with the key feed." {
		t.Errorf("%+v", st)
	}
}

func TestAListIsDownloadedOnDemand(t *testing.T) {
	pair, ca, _ := certified(t)
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	l := publishing(t, pair, withSOA("a.test CNAME .\n"))
	corefile := strings.NewReplacer("/one.rpz", "/one.rpz?token=s3cret", "rpz {", "rpz {\nadmin "+socket).Replace(downloaded(dir, l.URL, "tls ca "+ca))
	s := serve(t, corefile)
	s.expect("a.test.", blockedA)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "current" || r.Error != "" {
		t.Errorf("%+v, %v", r, err)
	}
	text := withSOA("a.test CNAME .\nb.test CNAME .\n")
	l.text.Store(&text)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "loaded" || r.Rules["qname"] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	l.gone.Store(true)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "status" || !strings.Contains(r.Error, "410 Gone") {
		t.Errorf("%+v, %v", r, err)
	}
	st := statusOf(t, socket).Zones[0]
	if st.From != "url "+l.URL+"/one.rpz" || strings.Contains(fmt.Sprint(st), "s3cret") || st.Next.Before(time.Now()) || st.Rules["qname"] != 2 {
		t.Errorf("%+v", st)
	}
}

// TestASwitchAndAReloadDoNotLoseEachOther disables and enables while the Corefile is
// reloaded: the last command holds in the last configuration.
func TestASwitchAndAReloadDoNotLoseEachOther(t *testing.T) {
	socket := socketPath(t)
	s, dir := serveRules(t, "admin "+socket, "a.test CNAME .\n")
	corefile := strings.NewReplacer("BODY", "admin "+socket+"\nzone rpz1 {\nfile "+dir+"/rpz1\n}\n", "DIR", dir).Replace(block)
	for i := range 6 {
		time.Sleep(200 * time.Millisecond) // a server that never served cannot be stopped, and would answer too
		var telling sync.WaitGroup
		telling.Go(func() {
			for n := range 10 {
				off := (n+i)%2 == 0
				var err error
				if off {
					_, err = disable(t, socket, "rpz1", "")
				} else {
					_, err = enable(t, socket, "rpz1")
				}
				if err != nil && !strings.Contains(err.Error(), "is not disabled") {
					t.Error(err)
				}
			}
		})
		if err := s.restart(corefile); err != nil {
			t.Fatal(err)
		}
		telling.Wait()
		want := trueA // the last one is disable where 9+i is even
		if (9+i)%2 != 0 {
			want = blockedA
		}
		s.expect("a.test.", want)
	}
	_, _ = enable(t, socket, "rpz1")
}

func TestTheSocketIsForItsOwnerAlone(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v, %v", info, err)
	}
}
