package rpz

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// refreshed makes the server refresh a zone that has one source.
func refreshed(t *testing.T, socket, zone string) (Refreshed, error) {
	t.Helper()
	all, err := call[[]Refreshed](t, socket, http.MethodPut, "refresh", url.Values{"zone": {zone}})
	if err != nil || len(all) != 1 {
		return Refreshed{}, fmt.Errorf("%d results, %w", len(all), err)
	}
	return all[0], nil
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
		{withSOA("a.test CNAME *.\n"), "loaded", "", 1}, // a hundred fewer records, used without waiting
		{withSOA("a.test CNAME .\nx..y CNAME .\n"), "refused", path + ":5", 1},
		{withSOA(listed(0, 50) + "a.test CNAME ."), "loaded", "", 51},
		{strings.TrimSuffix(withSOA(listed(0, 5)), "\n"), "refused", "if it is complete, end its last line with a newline", 51},
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
		t.Errorf("got %+v", st)
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
		t.Errorf("got %+v, %v", r, err)
	}
	p.set(t, fmt.Sprintf(soa, 2)+"b.test CNAME .\n")
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "axfr" && r.Result != "ixfr" || r.Serial != 2 || r.Rules["qname"] != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	p.gone.Store(true)
	r, err := refreshed(t, socket, "rpz1")
	if err != nil || r.Result == "" || !strings.Contains(r.Error, "from the primary "+p.addr) || r.Serial != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	st := statusOf(t, socket).Zones[0]
	if st.State != StateInUse || st.Error != r.Error || st.Result != r.Result || st.Next.Before(time.Now()) || st.Expires.Before(st.Next) || st.From != "primary "+p.addr+" with the key feed." {
		t.Errorf("got %+v", st)
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
		t.Errorf("got %+v, %v", r, err)
	}
	text := withSOA("a.test CNAME .\nb.test CNAME .\n")
	l.text.Store(&text)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "loaded" || r.Rules["qname"] != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	l.gone.Store(true)
	if r, err := refreshed(t, socket, "rpz1"); err != nil || r.Result != "status" || !strings.Contains(r.Error, "410 Gone") {
		t.Errorf("got %+v, %v", r, err)
	}
	st := statusOf(t, socket).Zones[0]
	if st.From != "url "+l.URL+"/one.rpz" || strings.Contains(fmt.Sprint(st), "s3cret") || st.Next.Before(time.Now()) || st.Rules["qname"] != 2 {
		t.Errorf("got %+v", st)
	}
}
