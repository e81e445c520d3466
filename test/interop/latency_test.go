package interop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A site that judges by one result, and is checked twenty times a second.
const (
	toggles     = 200
	quickChecks = "rise: 1, fall: 1, interval: 50ms"
	manyFlaps   = "flaps: {budget: 100000, window: 1s}\nmetrics: " + metricsAt + "\n"
	metricsAt   = "127.0.0.1:9154"
)

// TestAFailureQuicklyReachesTheRouter breaks and repairs a name server repeatedly,
// and prints how long a withdrawal takes: from the moment when the name server
// begins to refuse to the router's table, and what of that is the speaker's own,
// which begins with the result of the check.
func TestAFailureQuicklyReachesTheRouter(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes minutes")
	}
	measured := &table{heading: "router\tfrom\tto\tp50\tp99"}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			quick := strings.NewReplacer("rise: 2, fall: 2, interval: 200ms", quickChecks)
			p := newPeering(t, b, one(), manyFlaps+quick.Replace(config(1, hold3.keys, vip4)))
			p.wantSession()
			var took []time.Duration
			for range toggles {
				start := time.Now()
				p.site.backend.sick.Store(true)
				took = append(took, p.vip.becomes(start, prompt))
				start = time.Now()
				p.site.backend.sick.Store(false)
				p.vip.becomes(start, prompt, p.site.v4)
			}
			slices.Sort(took)
			p50, p99 := took[toggles/2], took[toggles*99/100]
			measured.add([]time.Duration{p50, p99}, b.name, "name server refuses", "router's table")
			deleted, sent := p.site.stage("deleted"), p.site.stage("sent")
			for name, stage := range map[string]buckets{"path deleted": deleted, "UPDATE sent": sent} {
				if n := stage.count(); n < toggles {
					t.Errorf("%s: got %d withdrawals counted, want %d", name, n, toggles)
				}
				measured.add([]time.Duration{stage.quantile(0.5), stage.quantile(0.99)}, b.name, "check fails", name)
			}
			// The speaker's own part is small beside the checks' interval and the router's
			// own delay, also on a loaded machine.
			if own := sent.quantile(0.5); own > p50/2 {
				t.Errorf("the median withdrawal is sent %s after the result, of %s in total", own, p50)
			}
			if deleted.quantile(0.5) > sent.quantile(0.5) {
				t.Error("paths are deleted later than UPDATEs are sent")
			}
		})
	}
	measured.print(t)
}

// buckets are those of one histogram.
type buckets []bucket

// bucket counts what took no longer than le.
type bucket struct {
	le time.Duration
	n  int
}

func (b buckets) count() int { return b[len(b)-1].n }

// quantile is between the bounds of a bucket, as Prometheus has it.
func (b buckets) quantile(q float64) time.Duration {
	rank := q * float64(b.count())
	var below bucket
	for _, above := range b {
		if float64(above.n) >= rank {
			part := (rank - float64(below.n)) / float64(above.n-below.n)
			return below.le + time.Duration(part*float64(above.le-below.le))
		}
		below = above
	}
	return below.le
}

// stage reads the speaker's own measurement of a withdrawal.
func (s *site) stage(name string) buckets {
	s.node.t.Helper()
	text, err := s.node.get("http://" + metricsAt + "/metrics")
	if err != nil {
		s.node.t.Fatalf("%s: %v", s.node.name, err)
	}
	pattern := regexp.MustCompile(`nearcast_bgp_withdraw_duration_seconds_bucket\{stage="` + name + `",le="([^"]+)"\} (\d+)`)
	var all buckets
	for _, found := range pattern.FindAllStringSubmatch(text, -1) {
		le, err := strconv.ParseFloat(found[1], 64)
		n, err2 := strconv.Atoi(found[2])
		if err != nil || err2 != nil {
			s.node.t.Fatalf("%s: %v, %v", found[0], err, err2)
		}
		all = append(all, bucket{time.Duration(min(le, time.Hour.Seconds()) * float64(time.Second)), n})
	}
	if len(all) == 0 {
		s.node.t.Fatalf("the metrics have no withdrawals of stage %s", name)
	}
	return all
}

// get fetches a URL inside the namespace.
func (n *node) get(url string) (string, error) {
	client := http.Client{Timeout: slack, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
			err = n.Do(func() (err error) {
				conn, err = net.Dial(network, address)
				return err
			})
			return conn, err
		},
	}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(body), err
}
