package bgp

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// station is one site: its machine, its router, its disk and its cluster, which outlive the
// speaker, and the speaker that runs now.
type station struct {
	*storm
	*machine
	number int
	root   string // of all its folders
	dir    string
	disk   disk

	// The speaker that runs, and how it is ended.
	speaker     *speaker
	life        *life
	cancel      context.CancelFunc
	hurry       chan struct{}
	reload      chan struct{}
	ended       chan end
	signalledAt time.Time // when it was asked to end; zero if it was not
	reloads     map[bool]int
	// troubled is set if something fails while the speaker stops.
	troubled bool
	// clings is how many routes could not be withdrawn then, at the most.
	clings int

	// The inputs: the file in effect and the one on disk, the cluster's objects, drains
	// and hints.
	force, sheet sheet
	config       *config.Config // of force
	services     [3]service
	taint        string
	wantDrains   []vip.Drain
	hints        []hint.Hint
	hintsEnd     time.Time

	// What follows from the history, where it is known.
	counts  map[netip.Addr]*count
	settled time.Time                 // when it last had settled
	before  map[netip.Addr]vip.Status // then
	owners  map[netip.Addr]string     // then
	sight   sight                     // whether the address that others give was ever here
	blinds  bool                      // the addresses could not be listed at some time since then

	// The router, which machine.mu guards.
	table     map[netip.Prefix]route.Attributes
	peers     []config.Peer
	updates   uint64
	discarded []netip.Prefix
	granted   map[vip.ServiceRef][]netip.Addr
	fails     int                   // how often a part of Set is not done
	stuck     map[netip.Prefix]bool // routes that cannot be changed
	loops     bool                  // aggregates cannot be discarded
	slow      time.Duration         // what a Set takes
	movedAt   time.Time             // when addresses last changed
	wasHere   bool                  // the address that others give was here
	stopping  bool                  // the speaker has seen that it is to end
	kept      map[netip.Prefix]keep // what must not be withdrawn
	barred    map[netip.Prefix]bool // what must not be announced: its backend fails here
}

// end is how a speaker has ended, and when.
type end struct {
	err error
	at  time.Time
}

// keep is why a route must not be withdrawn, and until when.
type keep struct {
	text  string
	until time.Time
}

// sight is whether the speaker has seen the address of others.
type sight int

const (
	never sight = iota
	perhaps
	surely
)

func newStation(t *testing.T, w *storm, number int) *station {
	n := &station{storm: w, machine: newMachine(w.T), number: number, root: t.TempDir(), table: map[netip.Prefix]route.Attributes{}, stuck: map[netip.Prefix]bool{}}
	n.dir = n.root
	n.there[given] = w.coin("given")
	for _, a := range []netip.Addr{passed, shared80, shared81} { // by NAT, which nobody looks for
		n.there[a] = true
	}
	n.disk.mended = make(chan struct{})
	close(n.disk.mended)
	n.services = drawServices(w)
	n.sheet = firstSheet(w, number)
	return n
}

// starts starts a speaker with the file that is on disk, which is good.
func (n *station) starts() {
	n.write0(n.sheet)
	cfg, err := config.Load(n.path())
	if err != nil {
		n.Fatal(err)
	}
	n.force, n.config = n.sheet, cfg
	n.machine.mu.Lock()
	n.life = &life{station: n, declare: make(chan cluster.Declared)}
	n.stopping, n.wasHere = false, false
	n.machine.mu.Unlock()
	n.hurry, n.reload, n.ended = make(chan struct{}), make(chan struct{}, 1), make(chan end, 1)
	n.reloads = map[bool]int{}
	n.counts, n.before, n.owners, n.sight, n.signalledAt, n.blinds = map[netip.Addr]*count{}, map[netip.Addr]vip.Status{}, map[netip.Addr]string{}, never, time.Time{}, n.blind
	if !n.calm {
		n.loseCount()
	}
	n.hints = nil
	// Path follows: in a bubble nothing may wait for the kernel's word that a file has changed.
	n.speaker = newSpeaker(Options{Config: cfg, Reload: n.reload, Hurry: n.hurry, Announcer: n.life, Binder: n.life, Cluster: n.life, Log: discard})
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	s, ended := n.speaker, n.ended
	go func() {
		err := s.run(ctx)
		ended <- end{err, time.Now()}
	}()
	synctest.Wait()
	n.speaker.Path = n.path()
	n.declares()
	n.wantKept()
}

func (n *station) path() string { return filepath.Join(n.dir, "speaker.yaml") }

func (n *station) state() string { return filepath.Join(n.dir, "state") }

func (n *station) owns(path string) bool { return strings.HasPrefix(path, n.root+"/") }

// write0 writes the file.
func (n *station) write0(s sheet) {
	if err := os.WriteFile(n.path(), []byte(s.text(n)), 0o600); err != nil {
		n.Fatal(err)
	}
}

// has reports whether the machine takes packets to the address.
func (n *station) has(a netip.Addr) bool {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	return n.there[a]
}

// carries reports whether the router has a route that draws packets to the address.
func (n *station) carries(a netip.Addr) bool {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	for p := range n.table {
		if p.Contains(a) && (p.IsSingleIP() || !n.force.hosts(a)) {
			return true
		}
	}
	return false
}

// routes are the router's.
func (n *station) routesNow() map[netip.Prefix]route.Attributes {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	return maps.Clone(n.table)
}

// put has the speaker's API do something; it fails only where the speaker has stopped.
func (n *station) call(method, path string, query url.Values, body any) (st Status, ok bool) {
	var text string
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			n.Fatal(err)
		}
		text = string(raw)
	}
	reply := httptest.NewRecorder()
	n.speaker.handler().ServeHTTP(reply, httptest.NewRequest(method, path+"?"+query.Encode(), strings.NewReader(text)))
	switch reply.Code {
	case http.StatusOK:
		if err := json.Unmarshal(reply.Body.Bytes(), &st); err != nil {
			n.Fatal(err)
		}
		return st, true
	case http.StatusBadRequest:
		return st, false
	}
	if n.signalledAt.IsZero() {
		n.Errorf("%s %s: %d %s", method, path, reply.Code, reply.Body)
	}
	return st, false
}

// declares has the cluster say what it has.
func (n *station) declares() {
	select {
	case n.life.declare <- cluster.Declared{Services: n.declared(), Drained: n.taint}:
	case <-n.speaker.done:
	}
	synctest.Wait()
}

// rereads has the speaker read what is on disk, as SIGHUP does.
func (n *station) rereads() {
	select {
	case n.reload <- struct{}{}:
	default: // it is about to be read
	}
	synctest.Wait()
}

// signalled tells the speaker to end.
func (n *station) signalled() {
	n.signalledAt = time.Now()
	n.cancel()
}

// latest returns when the speaker must have ended.
func (n *station) latest(from time.Time, dwells time.Duration) time.Time {
	most := dwells + time.Second
	if n.troubled {
		most += 2 * closing
	}
	return from.Add(most + 2*slowest + retry)
}

// awaited waits for the end, which leaves nothing behind.
func (n *station) awaited(latest time.Time) {
	end := <-n.ended // one that never comes is a deadlock of the bubble
	if end.err != nil || end.at.After(latest) {
		n.Errorf("site %d stopped %s after the signal, want at most %s: %v", n.number, end.at.Sub(n.signalledAt), latest.Sub(n.signalledAt), end.err)
	}
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	if !n.life.closed || len(n.table) > 0 || len(n.life.atClose) > n.clings {
		n.Errorf("site %d: got closed %v, routes at the end %v", n.number, n.life.closed, n.life.atClose)
	}
	if !n.blind && len(n.ours) > 0 || len(n.discarded) > 0 && !n.loops {
		n.Errorf("site %d: remaining on the machine: %v, discarded %v", n.number, n.ours, n.discarded)
	}
}

// crashes ends the speaker as SIGKILL does: nothing that it does from now on arrives.
func (n *station) crashes() {
	n.machine.mu.Lock()
	n.life.dead = true
	clear(n.table)
	clear(n.routes)
	n.machine.mu.Unlock()
	n.inherits()
	n.signalled()
	close(n.hurry)
	if end := <-n.ended; end.err != nil {
		n.Error(end.err)
	}
}

// inherits has the next speaker find what is on disk now: the one before writes there no more,
// although in a bubble it cannot be ended as a process is.
func (n *station) inherits() {
	before := n.state()
	n.dir = filepath.Join(n.dir, "next")
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		n.Fatal(err)
	}
	if err := os.CopyFS(n.state(), os.DirFS(before)); err != nil && !os.IsNotExist(err) {
		n.Fatal(err)
	}
}
