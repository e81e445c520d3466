package turns

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/config"
)

// letters names the routers of the property test; the last two use IPv6.
var letters = []string{"A", "B", "C", "D", "a", "b"}

// TestTheFileNeverTakesDownTheLastSession changes files, both ends of sessions and the time in any
// order. Always: a file takes down no family's last session while one that it took down before is
// not established again; it takes down one at a time, after its dwell; it leaves sessions that have
// its settings alone; and in the end all sessions are as the last file says.
func TestTheFileNeverTakesDownTheLastSession(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		o := &oracle{world: w, taken: map[string]time.Time{}}
		w.check = o.look
		w.fail = map[string]bool{}
		last := ""
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			name := rapid.SampledFrom(letters).Draw(t, "name")
			r := w.router(name)
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0, 1:
				last = someFile(t)
				o.declare(last)
			case 2:
				w.key(name, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "key"))
			case 3:
				r.dead = !r.dead
			case 4:
				w.fail[address(name).String()] = !w.fail[address(name).String()]
			default:
				o.pass(time.Duration(rapid.SampledFrom([]int{1, 4, 11, 30, 301}).Draw(t, "seconds")) * time.Second)
			}
		}
		o.end(last)
	})
}

// someFile has some of the routers, in any order, with one of two keys each.
func someFile(t *rapid.T) string {
	var words []string
	for _, name := range rapid.Permutation(letters).Draw(t, "order")[:rapid.IntRange(1, len(letters)).Draw(t, "peers")] {
		words = append(words, name+"="+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "setting"))
	}
	return strings.Join(words, " ")
}

// oracle judges the steps of a world by what is seen of it.
type oracle struct {
	*world
	wants map[string]config.Peer
	// taken is when the file reset a session that was established and has not been back.
	taken map[string]time.Time
}

func (o *oracle) declare(text string) {
	o.wants = map[string]config.Peer{}
	for _, p := range peersOf(text) {
		o.wants[p.Name()] = p
	}
	o.file(text)
}

func (o *oracle) pass(d time.Duration) {
	for range int(d / time.Second) {
		for name, r := range o.routers {
			if r.up && o.now.Sub(r.last) >= attempt+Settle {
				delete(o.taken, name)
			}
		}
		o.world.pass(time.Second)
	}
}

// look judges a step that is about to be done.
func (o *oracle) look(step Step) {
	r := o.routers[step.Name]
	wants, declared := o.wants[step.Name]
	if step.Do != End && (!declared || !wants.Equal(step.Peer)) || step.Do == End && declared {
		o.t.Fatalf("%d: got step %v for %s, which the file has as %+v", o.second(), step.Do, step.Name, wants)
	}
	if step.Do == End && !o.fail[step.Name] {
		delete(o.taken, step.Name)
	}
	if step.Do == Begin || !r.up {
		return
	}
	switch {
	case declared && wants.Equal(r.has):
		o.t.Fatalf("%d: %s is reset although it has the file's settings", o.second(), step.Name)
	case r.drained.IsZero() || o.now.Sub(r.drained) < dwell:
		o.t.Fatalf("%d: %s is reset before the end of its dwell; drained since %s", o.second(), step.Name, r.drained)
	}
	carried := false
	for name, other := range o.routers {
		if name == step.Name {
			continue
		}
		taken := o.taken[name]
		_, expected := o.wants[name]
		if !other.drained.IsZero() && other.up || !taken.IsZero() && expected && o.now.Sub(taken) < Bound {
			o.t.Fatalf("%d: %s is taken down while %s is down", o.second(), step.Name, name)
		}
		carried = carried || other.up && other.has.Carries(r.has.Families[0])
	}
	for name := range o.taken {
		if p, expected := o.wants[name]; !carried && expected && p.Carries(r.has.Families[0]) {
			o.t.Fatalf("%d: %s is the last session, and %s was taken down and is not established again", o.second(), step.Name, name)
		}
	}
	if step.Do == Change && !o.fail[step.Name] {
		o.taken[step.Name] = o.now
	}
}

func (o *oracle) second() int { return int(o.now.Sub(begin).Seconds()) }

// end has all routers follow the last file, and time pass.
func (o *oracle) end(last string) {
	if last == "" {
		return
	}
	o.fail = nil
	for _, p := range peersOf(last) {
		r := o.routers[p.Name()]
		if r.dead = false; r.key != string(p.Password) {
			r.key, r.up, r.last = string(p.Password), false, o.now
		}
	}
	o.pass(2 * Bound)
	for name, r := range o.routers {
		p, declared := o.wants[name]
		if declared && (r.has == nil || !r.has.Equal(&p) || !r.up) || !declared && r.has != nil {
			o.t.Fatalf("%s ends with %+v, want the file's %+v; status %s", name, r.has, p, o.turns.Status(name, o.now).Text)
		}
		if text := o.turns.Status(name, o.now); text != nil {
			o.t.Fatalf("%s: unexpected status %+v", name, text)
		}
	}
}
