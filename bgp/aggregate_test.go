package bgp

import (
	"fmt"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
)

// TestAnAggregateThatWouldBeALoopIsNotAnnounced has the blackhole route fail at first; the VIP
// itself does not wait for it.
func TestAnAggregateThatWouldBeALoopIsNotAnnounced(t *testing.T) {
	s := runSite(t, 1)
	s.wait(t, "198.51.100.53")
	s.mu.Lock()
	s.loops = 2
	s.mu.Unlock()
	s.write(t, s.text+"aggregates: [{prefix: 198.51.100.0/24}]\n")
	s.waitThrough(t, "198.51.100.53", "198.51.100.53, 198.51.100.0/24")
	st, err := s.call("GET", "/status", nil)
	if err != nil || len(st.Aggregates) != 1 || !st.Aggregates[0].Announced || st.Aggregates[0].State != vip.Up {
		t.Errorf("%+v, %v", st.Aggregates, err)
	}
	s.write(t, s.text+"aggregates: [{prefix: 198.51.100.0/24, hostRoutes: false}]\n")
	s.wait(t, "198.51.100.0/24")
	for range 100 { // the status follows within a moment
		if st, err = s.call("GET", "/status", nil); err == nil && st.VIPs[0].Aggregate != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if v := st.VIPs[0]; !v.Announced || v.Aggregate != "198.51.100.0/24" {
		t.Errorf("%+v", v)
	}
	s.stop(t)
	if len(s.discarded) > 0 {
		t.Errorf("at the end: got %s, want none", fmt.Sprint(s.discarded))
	}
}
