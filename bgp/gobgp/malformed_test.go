package gobgp

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// attackers is how many peers send what is malformed, by the kind of their
// sessions. A reset takes a peer two seconds, so that many wait beside each other.
var attackers = [stages]int{established: 100, twoOctet: 4, extended: 16}

// childEnv tells the test that it is the process which may die.
const childEnv = "NEARCAST_MALFORMED_CHILD"

// TestAMalformedPeerEndsNeitherTheProcessNorAnotherSession plays the corpus in a
// process of its own, so that a panic is reported with what was being sent.
func TestAMalformedPeerEndsNeitherTheProcessNorAnotherSession(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		playCorpus(t)
		return
	}
	t.Parallel()
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=8m", fmt.Sprintf("-test.short=%v", testing.Short())}
	child := exec.CommandContext(t.Context(), os.Args[0], args...)
	child.Env = append(os.Environ(), childEnv+"=1")
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err := child.Run()
	underWay, rest := readJournal(stderr.String())
	t.Logf("%s", &stdout)
	if err != nil {
		t.Errorf("%v, while this was being sent: %q\n%.6000s", err, underWay, rest)
	}
}

// readJournal returns what was begun and not done, and what else was written.
func readJournal(text string) (underWay []string, rest string) {
	var others []string
	for line := range strings.Lines(text) {
		name := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(name, begun):
			underWay = append(underWay, strings.TrimPrefix(name, begun))
		case strings.HasPrefix(name, done):
			underWay = slices.DeleteFunc(underWay, func(s string) bool { return s == strings.TrimPrefix(name, done) })
		default:
			others = append(others, line)
		}
	}
	return underWay, strings.Join(others, "")
}

// playCorpus plays everything to one speaker, several times.
func playCorpus(t *testing.T) {
	peers := newRawPeers(t, attackers)
	witness := newWitness(t)
	speaker := startSpeaker(t, append(peers, witness.rawPeer))
	go witness.run()

	all := corpus()
	defer runtime.KeepAlive(all) // it belongs in both footprints
	observed := playSurely(t, peers, all)
	logClasses(t, observed)
	seen := judge(t, all, observed)
	before := footprintOf(0)
	ended := 0
	for _, again := range repetitions(all, observed) {
		observed := playSurely(t, peers, again)
		maps.Copy(seen, judge(t, again, observed))
		ended += sessionsEnded(observed)
	}
	after := footprintOf(before.goroutines)
	t.Logf("%d provocations; %s before, %s after", len(all), before, after)
	after.within(t, before, ended)
	noDifferenceIsGone(t, seen)
	onlyOwnRoute(t, speaker)
	witness.verify(t, speaker)
}

// repetitions are the passes after the first. A short test repeats once what ended
// no session.
func repetitions(all []provocation, observed map[string]outcome) [][]provocation {
	if !testing.Short() {
		return [][]provocation{all, all}
	}
	return [][]provocation{slices.DeleteFunc(slices.Clone(all), func(c provocation) bool {
		return c.stage < established || observed[c.name] != kept
	})}
}

// playSurely is playPass, which repeats what came out as nothing allows: on a busy machine a session
// may have ended on its own.
func playSurely(t *testing.T, peers []*rawPeer, all []provocation) map[string]outcome {
	observed := playPass(t, peers, all)
	again := slices.DeleteFunc(slices.Clone(all), func(c provocation) bool { return c.allows(observed[c.name]) })
	if len(again) > 0 {
		maps.Copy(observed, playPass(t, peers, again))
	}
	return observed
}

// playPass returns when every peer has an established session again.
func playPass(t *testing.T, peers []*rawPeer, all []provocation) map[string]outcome {
	t.Helper()
	start := time.Now()
	s := newScript(all)
	errs := make([]error, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { errs[i] = p.perform(s) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Logf("a pass in %s", time.Since(start).Round(100*time.Millisecond))
	return s.outcomes
}

// newRawPeers has addresses from 127.9.0.1 on.
func newRawPeers(t testing.TB, number [stages]int) []*rawPeer {
	t.Helper()
	addr := netip.MustParseAddr("127.9.0.0")
	var peers []*rawPeer
	for kind, n := range number {
		for range n {
			addr = addr.Next()
			p, err := newRawPeer(addr, stage(kind))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.close)
			peers = append(peers, p)
		}
	}
	return peers
}

// startSpeaker is the one place that makes a Speaker. Its hold time lets no
// session of a peer that says nothing expire.
func startSpeaker(t testing.TB, peers []*rawPeer) *Speaker {
	t.Helper()
	speaker, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: netip.AddrFrom4([4]byte(speakerID))}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { speaker.Close(10 * time.Second) })
	speaker.mu.Lock()
	speaker.beginTimeout = time.Hour // what comes before a session takes its time
	speaker.mu.Unlock()
	var configs []config.Peer
	for _, p := range peers {
		configs = append(configs, config.Peer{
			Address: p.addr.Addr(), Port: p.addr.Port(), ASN: attackerASN, LocalAddress: netip.MustParseAddr("127.8.0.1"),
			HoldTime: time.Hour, Families: []route.Family{route.IPv4, route.IPv6},
		})
	}
	_, err = speaker.Set([]route.Route{{Prefix: announced}})
	if err = errors.Join(err, speaker.SetPeers(configs, 0)); err != nil {
		t.Fatal(err)
	}
	return speaker
}

// onlyOwnRoute looks into the speaker's tables of all families.
func onlyOwnRoute(t *testing.T, speaker *Speaker) {
	t.Helper()
	var routes []string
	for _, family := range knownFamilies() {
		// A family that the speaker does not speak has no table, and is an error.
		_ = speaker.server.ListPath(apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: family},
			func(prefix gobgp.NLRI, paths []*apiutil.Path) {
				routes = append(routes, fmt.Sprintf("%s ×%d", prefix, len(paths)))
			})
	}
	if want := []string{announced.String() + " ×1"}; !slices.Equal(routes, want) {
		t.Errorf("the speaker has the routes %q, want %q", routes, want)
	}
}

// footprint is what a process takes while every peer has an established session.
type footprint struct {
	heap       uint64
	goroutines int
}

func (f footprint) String() string {
	return fmt.Sprintf("%d kB and %d goroutines", f.heap>>10, f.goroutines)
}

// footprintOf gives goroutines beyond the number a few seconds to end: some outlive
// their session a little.
func footprintOf(goroutines int) footprint {
	for range 50 {
		if goroutines == 0 || runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	runtime.GC()
	runtime.GC() // what has a finalizer goes in the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc, runtime.NumGoroutine()}
}

// within allows for caches and timers, and not for something that is kept for
// each of some thousand messages. GoBGP leaves a goroutine behind where a peer is
// deleted, as the speaker does when its session ends, while something is in the
// peer's queue: two or three of a hundred times.
func (f footprint) within(t *testing.T, before footprint, ended int) {
	t.Helper()
	if f.heap > before.heap+8<<20 || f.goroutines > before.goroutines+20+ended/10 {
		t.Errorf("%d sessions ended, and the process grew from %s to %s", ended, before, f)
	}
}

func sessionsEnded(observed map[string]outcome) (n int) {
	for _, o := range observed {
		if o != kept {
			n++
		}
	}
	return n
}
