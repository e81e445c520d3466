package bgp

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func manyVIPs(n int) string {
	var text strings.Builder
	text.WriteString("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\nvips:\n")
	for i := range n {
		fmt.Fprintf(&text, "- {address: 10.0.%d.%d, checks: [{tcp: {address: \"127.0.0.1:1\"}, interval: 1h}]}\n", i/250, i%250+1)
	}
	return text.String()
}

// TestAnUnchangedFileIsNotParsedAgain bounds what the look at it, every half a minute, costs,
// and holds that a change is taken all the same, also one back to what was refused meanwhile.
func TestAnUnchangedFileIsNotParsedAgain(t *testing.T) {
	const vips = 1000
	path := filepath.Join(t.TempDir(), "speaker.yaml")
	fixture.Write(t, path, manyVIPs(vips))
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	announcer := &fakeAnnouncer{t: t}
	s := newSpeaker(Options{Path: path, Config: cfg, Announcer: announcer, Binder: announcer, Log: discard})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	s.reload(ctx)
	if n := testing.AllocsPerRun(5, func() { s.reload(ctx) }); n > vips {
		t.Errorf("checking an unchanged file makes %.0f allocations for %d VIPs", n, vips)
	}
	for step, text := range []string{manyVIPs(vips - 1), "vips: 5", manyVIPs(vips - 1), manyVIPs(vips)} {
		fixture.Write(t, path, text)
		s.reload(ctx)
		is := func() (good bool) {
			s.do(ctx, func() {
				good = (s.fault != "") == (text == "vips: 5") && (s.fault != "" || len(s.Config.VIPs) == strings.Count(text, "address: 10.0."))
			})
			return good
		}
		for start := time.Now(); !is(); time.Sleep(10 * time.Millisecond) { // the watch may have read what was before
			if time.Since(start) > 20*time.Second {
				t.Fatalf("step %d: the file is not in effect", step)
			}
		}
	}
}
