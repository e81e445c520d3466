package hostile

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestScrapesDelayNoWithdrawal: the service behind many VIPs ends, alone and while
// strangers scrape /metrics and ask for the status without a pause. Both are measured in
// turn in one run. The control is that the scrapes are answered.
func TestScrapesDelayNoWithdrawal(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it measures for some seconds")
	}
	const vips, scrapers, rounds, worst = 200, 40, 5, 3
	host := fixture.AnotherLoopback()
	service := net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))
	metrics := net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))
	var config strings.Builder
	config.WriteString("asn: 64512\nrouterID: 192.0.2.11\nflaps: {budget: 1000, window: 1s}\nmetrics: " + metrics + "\npeers:\n")
	for i := range 4 {
		fmt.Fprintf(&config, "- {address: 127.44.19.%d, asn: 64500}\n", 101+i)
	}
	config.WriteString("vips:\n")
	for i := range vips {
		fmt.Fprintf(&config, "- {address: 198.51.100.%d, forwarded: true, checks: [{tcp: {address: %q}, interval: 100ms, rise: 2, fall: 2}]}\n", i+1, service)
	}
	s := newSpeaker(t, nil, config.String())
	eventually(t, "all are down, because nothing listens yet", func() error { return grown(s, "to=down", vips) })
	withdrawal := func() time.Duration {
		up, down := s.log.Count("to=up"), s.log.Count("to=down")
		listener, err := net.Listen("tcp", service)
		if err != nil {
			t.Fatal(err)
		}
		go acceptAll(listener)
		eventually(t, "all are up", func() error { return grown(s, "to=up", up+vips) })
		listener.Close()
		return eventually(t, "all are withdrawn", func() error { return grown(s, "to=down", down+vips) })
	}
	var alone, scraped []time.Duration
	answered := 0
	for range rounds {
		alone = append(alone, withdrawal())
		stop := scrape(s, "http://"+metrics+"/metrics", scrapers)
		scraped = append(scraped, withdrawal())
		answered += stop()
	}
	slices.Sort(alone)
	slices.Sort(scraped)
	a, b := alone[rounds/2], scraped[rounds/2]
	t.Logf("withdrawn %s after the service stopped without scrapes, %s with %d connections scraping, %d answers", a, b, scrapers, answered)
	if b > worst*a {
		t.Errorf("with scrapes, withdrawals take %s, more than %d times %s", b, worst, a)
	}
	if answered < rounds*scrapers {
		t.Errorf("control: only %d scrapes were answered", answered)
	}
}

func acceptAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

func grown(s *speaker, text string, to int) error {
	if n := s.log.Count(text); n < to {
		return fmt.Errorf("%d of %d", n, to)
	}
	return nil
}

// scrape has so many ask for metrics, and one for the status, until it is stopped; it
// returns how many answers there were.
func scrape(s *speaker, url string, connections int) (stop func() int) {
	done := make(chan struct{})
	answers := make(chan int, connections)
	var all sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: slack}
	for range connections {
		all.Go(func() {
			n := 0
			defer func() { answers <- n }()
			for {
				select {
				case <-done:
					return
				default:
				}
				reply, err := client.Get(url)
				if err != nil {
					continue
				}
				if _, err := io.Copy(io.Discard, reply.Body); err == nil && reply.StatusCode == http.StatusOK {
					n++
				}
				reply.Body.Close()
			}
		})
	}
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_, _ = s.ask() // whether it is answered is another test's
			}
		}
	})
	return func() int {
		close(done)
		all.Wait()
		client.CloseIdleConnections()
		sum := 0
		for range connections {
			sum += <-answers
		}
		return sum
	}
}
