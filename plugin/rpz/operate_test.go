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

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// disable and enable send the request to the server, and return its refusal as an error.
func disable(t *testing.T, socket, zone, reason string) (Switched, error) {
	t.Helper()
	return call[Switched](t, socket, http.MethodPut, "disabled", url.Values{"zone": {zone}, "reason": {reason}})
}

func enable(t *testing.T, socket, zone string) (Switched, error) {
	t.Helper()
	return call[Switched](t, socket, http.MethodDelete, "disabled", url.Values{"zone": {zone}})
}

func statusOf(t *testing.T, socket string) Status {
	t.Helper()
	st, err := call[Status](t, socket, http.MethodGet, "status", nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

const (
	blockedA = "NXDOMAIN" + soa1
	trueA    = "NOERROR, a.test. 100 A 192.0.2.1, authority:NS"
)

// TestADisabledZoneIsNotConsultedUntilItIsEnabled disables it in two blocks at once,
// through reloads, one of which fails and one of which changes where the zone comes from,
// and over a restart.
func TestADisabledZoneIsNotConsultedUntilItIsEnabled(t *testing.T) {
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
			t.Error("no metric shows it")
		}
		if err := s.Restart(one); err != nil {
			t.Fatal(err)
		}
		s.expect("a.test.", trueA)
		if err := s.Restart(strings.Replace(one, "rpz {", "rpz {\nstray", 1)); err == nil {
			t.Error("the reload succeeded")
		}
		if err := s.Restart(one + "\nother.example:1 {\nbind 203.0.113.99\nwhoami\n}\n"); err == nil { // fails late
			t.Error("the reload succeeded")
		}
		s.expect("a.test.", trueA)
		if err := s.Restart(strings.ReplaceAll(one, dir+"/rpz1", dir+"/other")); err != nil {
			t.Fatal(err)
		}
		s.expect("a.test.", trueA)
		e := explained(t, socket, "a.test", "192.0.2.7")["A"]
		if want := "NOERROR; rpz1. disabled qname a.test.rpz1. nxdomain a.test."; e.brief() != want || !strings.HasSuffix(e.Zones[0].Reason, ": it breaks a.test") {
			t.Errorf("got %s, %s", e.brief(), e.Zones[0].Reason)
		}
		st := statusOf(t, socket)
		if len(st.Zones) != 1 || st.Zones[0].State != StateDisabled || st.Zones[0].Disabled.Reason != "it breaks a.test" || st.Zones[0].Rules["qname"] != 1 || st.Unkept != "" {
			t.Errorf("got %+v", st)
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

func TestAStateKeptInMemoryOnlySaysSo(t *testing.T) {
	socket := socketPath(t)
	settings := "admin " + socket
	s, dir := serveRules(t, settings, "a.test CNAME .\n")
	got, err := disable(t, socket, "rpz1", "")
	if err != nil || got.Unkept != "this is kept in memory only and lost on a restart: no rpz block has `state`" || statusOf(t, socket).Unkept != got.Unkept {
		t.Errorf("got %+v, %v", got, err)
	}
	s.expect("a.test.", trueA)
	// A reload that adds a state directory saves the state there, and ignores what the directory had.
	state := filepath.Join(t.TempDir(), "state")
	fixture.Write(t, filepath.Join(dir, "old"), `[{"zone":"rpz2.","since":"2026-01-02T03:04:05Z"}]`)
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "old"), filepath.Join(state, disabledName)); err != nil {
		t.Fatal(err)
	}
	corefile := strings.NewReplacer("BODY", settings+"\nstate "+state+"\nzone rpz1 {\nfile "+dir+"/rpz1\n}\n", "DIR", dir).Replace(block)
	if err := s.Restart(corefile); err != nil {
		t.Fatal(err)
	}
	s.expect("a.test.", trueA)
	kept, err := os.ReadFile(filepath.Join(state, disabledName))
	if err != nil || !strings.Contains(string(kept), `"rpz1."`) || strings.Contains(string(kept), "rpz2") {
		t.Errorf("got %s, %v", kept, err)
	}
	if st := statusOf(t, socket); st.Unkept != "" {
		t.Errorf("got %+v", st)
	}
}

// TestWhatARestartKeepsAnywayIsNotWarnedOf disables a zone and enables it again, without a state
// directory: after a restart, no zone is disabled either.
func TestWhatARestartKeepsAnywayIsNotWarnedOf(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n")
	if got, err := disable(t, socket, "rpz1", ""); err != nil || got.Unkept == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := enable(t, socket, "rpz1"); err != nil || got.Unkept != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnknownZonesAreNamed(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n", "a.test CNAME .\n")
	const want = "this server has no policy zone rpz3.; it has rpz1., rpz2."
	_, d := disable(t, socket, "rpz3", "")
	_, e := enable(t, socket, "rpz3")
	_, r := refreshed(t, socket, "rpz3")
	_, s := call[Status](t, socket, http.MethodGet, "status", url.Values{"zone": {"rpz3"}})
	for _, err := range []error{d, e, r, s} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v", err)
		}
	}
	if st, err := call[Status](t, socket, http.MethodGet, "status", url.Values{"zone": {"RPZ2"}}); err != nil || len(st.Zones) != 1 || st.Zones[0].Zone != "rpz2." {
		t.Errorf("got %+v, %v", st, err)
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
	if err := s.Restart(alone); err != nil {
		t.Fatal(err)
	}
	if st := statusOf(t, socket); len(st.Stray) != 1 || st.Stray[0].Zone != "rpz2." || st.Stray[0].Reason != "noise" {
		t.Errorf("got %+v", st)
	}
	if got, err := enable(t, socket, "rpz2"); err != nil || len(got.Disabled) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestNoQueryWaitsForADisabledZone has a zone that was never loaded.
func TestNoQueryWaitsForADisabledZone(t *testing.T) {
	dir, socket := t.TempDir(), socketPath(t)
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	s := serve(t, strings.NewReplacer("BODY", "admin "+socket+"\nzone rpz1 {\nfile "+dir+"/nowhere\n}", "DIR", dir).Replace(block))
	s.expect("a.test.", "SERVFAIL")
	e := explained(t, socket, "a.test", "192.0.2.7")["A"]
	if e.brief() != "SERVFAIL; rpz1. not loaded" || !strings.Contains(e.Zones[0].Reason, "nowhere") || !strings.Contains(e.Outcome, "not been loaded") {
		t.Errorf("got %s, %+v", e.brief(), e)
	}
	st := statusOf(t, socket).Zones[0]
	if st.State != StateNotLoaded || st.Result != "refused" || !strings.Contains(st.Error, "nowhere") || st.Tried.IsZero() || !st.Since.IsZero() {
		t.Errorf("got %+v", st)
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

// TestASwitchAndAReloadDoNotLoseEachOther disables and enables while the Corefile is
// reloaded: the last command applies in the last configuration.
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
		if err := s.Restart(corefile); err != nil {
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

func TestOnlyItsOwnerMayUseTheSocket(t *testing.T) {
	socket := socketPath(t)
	serveRules(t, "admin "+socket, "a.test CNAME .\n")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("got %v, %v", info, err)
	}
}
