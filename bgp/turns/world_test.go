package turns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// world has routers at the other ends of sessions. A session comes up when both ends have the
// same settings, attempt after the last change.
type world struct {
	t       tester
	turns   Turns
	now     time.Time
	routers map[string]*router
	fail    map[string]bool // peers whose changes fail
	events  []string
	// check is called before each step is done; nil for none.
	check func(Step)
}

// tester is a test or a run of a property test.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

type router struct {
	has  *config.Peer // the speaker's settings; nil without a session
	key  string       // the router's settings
	dead bool
	up   bool
	last time.Time // when either end changed
	// drained is since when it has been asked to move its traffic; zero if it has not.
	drained time.Time
	resets  int
}

const attempt = 2 * time.Second

var begin = time.Unix(1e9, 0)

func newWorld(t tester) *world {
	return &world{t: t, now: begin, routers: map[string]*router{}, fail: map[string]bool{}}
}

// address returns the address of a letter's router: lower-case letters use IPv6.
func address(name string) netip.Addr {
	if strings.ToLower(name) == name {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", name[0]))
	}
	return netip.MustParseAddr("192.0.2." + fmt.Sprint(name[0]))
}

// peersOf reads "A=1 B/tor=2": the names of routers, their groups and the keys that the file has for them. An
// interface stands for itself: "eth0=1", and "fe80::1%eth0=1" is its neighbour.
func peersOf(file string) (peers []config.Peer) {
	for _, word := range strings.Fields(file) {
		name, key, _ := strings.Cut(word, "=")
		name, group, _ := strings.Cut(name, "/")
		p := config.Peer{ASN: 64500, Password: config.Secret(key), Group: group}
		switch {
		case len(name) == 1:
			p.Address = address(name)
		case strings.Contains(name, ":"):
			p.Address = netip.MustParseAddr(name)
		default:
			p.Interface = name
		}
		p.Families = []route.Family{p.Session()}
		peers = append(peers, p)
	}
	return peers
}

const dwell = 10 * time.Second

// file declares peers and returns at once.
func (w *world) file(text string) {
	peers := peersOf(text)
	for _, p := range peers {
		if r := w.routers[p.Name()]; r == nil {
			w.routers[p.Name()] = &router{key: string(p.Password)}
		} else if r.key == "" {
			r.key = string(p.Password)
		}
	}
	w.turns.Declare(peers, dwell)
	w.act()
}

func (w *world) router(name string) *router {
	if len(name) == 1 {
		name = address(name).String()
	}
	if w.routers[name] == nil {
		w.routers[name] = &router{}
	}
	return w.routers[name]
}

// key changes the router's end, which ends its session.
func (w *world) key(names, key string) {
	for _, name := range strings.Split(names, "") {
		r := w.router(name)
		if r.key != key {
			r.key, r.up, r.last = key, false, w.now
		}
	}
	w.act()
}

// pass lets time pass, second by second.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.act()
	}
}

// act performs all steps that are due.
func (w *world) act() {
	for name, r := range w.routers {
		w.connect(r)
		w.turns.Saw(name, r.up, w.now)
	}
	for n := 0; ; n++ {
		if n > 1000 {
			w.t.Fatal("the steps never end")
		}
		step, ok := w.turns.Next(w.now)
		w.watchDrains()
		if !ok {
			return
		}
		w.do(step)
		w.watchDrains()
	}
}

func (w *world) connect(r *router) {
	switch {
	case r.has == nil || r.dead || string(r.has.Password) != r.key:
		r.up = false
	case w.now.Sub(r.last) >= attempt:
		r.up = true
	}
}

// do performs a step, and records steps of established sessions.
func (w *world) do(step Step) {
	if w.check != nil {
		w.check(step)
	}
	r := w.routers[step.Name]
	if step.Do != Begin && w.fail[step.Name] {
		w.turns.Did(step, errors.New("injected failure"), w.now)
		return
	}
	if r.up {
		w.note(map[Do]string{Change: "reset", End: "end"}[step.Do], step.Name)
		r.resets++
	}
	r.has, r.up, r.last = step.Peer, false, w.now
	w.turns.Did(step, nil, w.now)
}

func (w *world) watchDrains() {
	for name, r := range w.routers {
		switch drained := w.turns.Drained(name); {
		case drained && r.drained.IsZero():
			r.drained = w.now
			w.note("drain", name)
		case !drained && !r.drained.IsZero():
			r.drained = time.Time{}
			if r.up {
				w.note("keep", name)
			}
		}
	}
}

func (w *world) note(event, name string) {
	if a, err := netip.ParseAddr(name); err == nil && a.Zone() == "" {
		octets := a.AsSlice()
		name = string(rune(octets[len(octets)-1]))
		if a.Is6() {
			name = strings.ToLower(name)
		}
	}
	w.events = append(w.events, fmt.Sprintf("%d %s %s", int(w.now.Sub(begin).Seconds()), event, name))
}

// wants fails the test unless exactly these events have happened since the last call.
func (w *world) wants(events ...string) {
	w.t.Helper()
	if !slices.Equal(w.events, events) {
		w.t.Errorf("happened\n\t%s\nwant\n\t%s", strings.Join(w.events, "\n\t"), strings.Join(events, "\n\t"))
	}
	w.events = nil
}

// status returns a peer's current status.
func (w *world) status(name string) string {
	if len(name) == 1 {
		name = address(name).String()
	}
	c := w.turns.Status(name, w.now)
	if c == nil {
		return ""
	}
	text := string(c.Phase) + ": " + c.Text
	if !c.Until.IsZero() {
		text += fmt.Sprintf(" (until %d)", int(c.Until.Sub(begin).Seconds()))
	}
	return text
}
