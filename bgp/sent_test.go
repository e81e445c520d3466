package bgp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
)

// TestExportsFollowTheFile changes it at a running speaker: the routes and the status say the
// same, and no route is withdrawn for it. A VIP that leaves the file is drained for those who had it.
func TestExportsFollowTheFile(t *testing.T) {
	s := runSite(t, 0)
	s.wait(t, "198.51.100.53")
	two := strings.Replace(s.text, "peers: [{address: 192.0.2.1, asn: 64500}]", "peers: [{address: 192.0.2.1, asn: 64500, group: tor}, {address: 192.0.2.2, asn: 64501}]\ngroups: {tor: {}}", 1)
	more := func(keys string) string { return strings.Replace(two, "    bind: lo\n", "    bind: lo\n"+keys, 1) }
	for _, step := range []struct{ text, want string }{
		{s.text, "[198.51.100.53/32 to all 0 own false]"},
		{two, "[198.51.100.53/32 to all 0 own false]"},
		{more("    peers: [tor]\n"), "[198.51.100.53/32 to [192.0.2.1] 0 own false]"},
		{more("    peers: [192.0.2.2, tor]\n    attributes: {prepend: 2, localPreference: 7}\n"), "[198.51.100.53/32 to [192.0.2.1 192.0.2.2] 2 own true]"},
		{strings.Replace(more("    peers: [tor]\n"), ", group: tor", "", 1) + "#", ""}, // a fault: tor is nobody
		{more("    peers: [192.0.2.2]\n"), "[198.51.100.53/32 to [192.0.2.2] 0 own false]"},
	} {
		s.write(t, step.text)
		var got, shown []string
		for range 1000 {
			got, shown = nil, nil
			s.mu.Lock()
			for _, r := range s.routes {
				got = append(got, routeText(r.Prefix.String(), r.To, r.Attributes, r.OwnPreference))
			}
			s.mu.Unlock()
			st, err := s.call(http.MethodGet, "/status", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range st.VIPs {
				if v.Announced {
					shown = append(shown, routeText(v.Address+"/32", v.Peers, *v.Attributes, v.OwnPreference))
				}
			}
			if step.want == "" && strings.Contains(st.Fault, "is sent to no peer: no peer of tor carries ipv4") || fmt.Sprint(got) == step.want && slices.Equal(got, shown) {
				step.want = ""
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if step.want != "" {
			t.Fatalf("%s\ngot announced as %v and shown as %v, want %s", step.text, got, shown, step.want)
		}
	}
	before, _, _ := strings.Cut(two, "vips:")
	_, after, _ := strings.Cut(two, "states:")
	s.write(t, before+"states:"+after)
	s.waitThrough(t, "198.51.100.53", "198.51.100.53 leaving", "")
	if to := s.last; fmt.Sprint(to) != "[192.0.2.2]" {
		t.Errorf("it was withdrawn after %v", to)
	}
}

func routeText(prefix string, to []string, a route.Attributes, own bool) string {
	who := "all"
	if to != nil {
		who = fmt.Sprint(to)
	}
	return fmt.Sprintf("%s to %s %d own %t", prefix, who, a.Prepend, own)
}
