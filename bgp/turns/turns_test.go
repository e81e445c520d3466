package turns

import (
	"testing"
	"time"
)

// started returns a world whose sessions are established, 10 seconds after its start.
func started(t *testing.T, file string) *world {
	w := newWorld(t)
	w.file(file)
	w.pass(10 * time.Second)
	w.wants()
	return w
}

func TestSessionsChangeInTurnInTheOrderOfTheFile(t *testing.T) {
	w := started(t, "B=1 A=1 C=1")
	w.file("B=2 A=2 C=2")
	if got, want := w.status("A"), "waiting: changes after 192.0.2.66, whose session is being changed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.status("B"), "draining: draining; will be reset with the file's settings (until 20)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.pass(20 * time.Second)
	if got, want := w.status("B"), "returning: was reset with new settings and is not established again; other sessions wait for it (until 320)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.wants("10 drain B", "20 reset B")
	w.key("B", "2") // at 30; it is back at 32, and carries its routes at 35
	w.pass(10 * time.Second)
	w.key("AC", "2") // C before its turn: it has the key at once
	w.pass(30 * time.Second)
	w.wants("35 drain A")
	for _, name := range []string{"A", "B", "C"} {
		if got := w.status(name); got != "" {
			t.Errorf("%s: got status %q, want none", name, got)
		}
	}
}

func TestARouterThatNeverFollowsDelaysTheOthersByTheBound(t *testing.T) {
	w := started(t, "A=1 B=1 C=1 D=1")
	w.file("A=2 B=2 C=2 D=2")
	w.pass(2 * time.Hour)
	// The last one stays for as long as necessary.
	w.wants("10 drain A", "20 reset A", "320 drain B", "330 reset B", "630 drain C", "640 reset C")
	if got, want := w.status("D"), "waiting: changes when another session is established: this is the last ipv4 session; waiting for: 192.0.2.65, 192.0.2.66, 192.0.2.67"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.status("A"), "overdue: was reset with new settings and is not established again; other sessions no longer wait for it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.key("B", "2")
	w.pass(20 * time.Second)
	w.wants("7215 drain D", "7225 reset D")
	w.key("ACD", "2")
	w.pass(10 * time.Second)
	if got := w.status("D") + w.status("A"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestTheOnlySessionIsDrainedAndResetAlone(t *testing.T) {
	w := started(t, "A=1")
	w.file("A=2")
	w.pass(time.Minute)
	w.wants("10 drain A", "20 reset A")
	// Another session that has long been down makes no difference.
	w = newWorld(t)
	w.router("B").dead = true
	w.file("A=1 B=1")
	w.pass(10 * time.Minute)
	w.file("A=2 B=1")
	w.pass(time.Minute)
	w.wants("600 drain A", "610 reset A")
	// A session that gets new settings may be established with them.
	w = newWorld(t)
	w.router("B").dead = true
	w.file("A=1 B=1")
	w.pass(10 * time.Minute)
	w.file("A=2 B=2")
	w.pass(10 * time.Minute)
	w.wants("900 drain A", "910 reset A")
}

// TestTheLastSessionOfAFamilyStays: the other family's sessions do not carry its routes.
func TestTheLastSessionOfAFamilyStays(t *testing.T) {
	w := started(t, "A=1 B=1 a=1")
	w.file("A=2 B=2 a=2")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A", "320 drain a", "330 reset a")
}

// TestTheLastSessionOfAGroupStays: VIPs are sent to groups, so sessions of other groups do not carry them.
func TestTheLastSessionOfAGroupStays(t *testing.T) {
	w := started(t, "A/tor=1 B/tor=1 C/transit=1 D/transit=1 a/tor=1")
	w.file("A/tor=2 B/tor=2 C/transit=1 D/transit=1 a/tor=1")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
	if got, want := w.status("B"), "waiting: changes when another session is established: this is the last ipv4 session that is sent these routes; waiting for: 192.0.2.65"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A group that the file adds later counts immediately.
	w = started(t, "A=1 B=1 C=1 D=1")
	w.file("A=2 B=2 C=1 D=1")
	w.pass(time.Minute)
	w.file("A/tor=2 B/tor=2 C=1 D=1")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
	// Sessions of other groups do not keep the very last session.
	w = started(t, "A/tor=1 B/transit=1")
	w.file("A/tor=2 B/transit=2")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
}

func TestASessionThatGoesDownByItselfIsWaitedForAndChangesImmediately(t *testing.T) {
	w := started(t, "A=1 B=1")
	w.file("A=2 B=2")
	w.pass(8 * time.Second)
	w.key("B", "2") // by its operator, while A is drained: A is the last one for a moment
	w.pass(70 * time.Second)
	w.wants("10 drain A", "20 keep A", "80 drain A")
	// A session that does not come back is waited for as long as the bound.
	w = started(t, "A=1 B=1")
	w.file("A=2 B=1")
	w.pass(8 * time.Second)
	w.router("B").dead = true
	w.pass(2 * time.Second)
	w.wants("10 drain A", "20 keep A")
	w.pass(10 * time.Minute)
	w.wants("318 drain A", "328 reset A")
}

func TestAReplacementIsEstablishedBeforeTheOldSessionIsRemoved(t *testing.T) {
	w := started(t, "A=1 B=1")
	w.router("C").key = "2"
	w.file("C=1 B=1")
	w.pass(5 * time.Second)
	if got, want := w.status("A"), "waiting: is removed when its replacements are established: 192.0.2.67 (until 310)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.key("C", "1")
	w.pass(10 * time.Second)
	if got, want := w.status("A"), "draining: draining; will be removed, because the file no longer has it (until 30)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.pass(10 * time.Second)
	w.wants("20 drain A", "30 end A")
	// A replacement that is never established is waited for as long as the bound.
	w = started(t, "A=1 B=1")
	w.router("C").dead = true
	w.file("C=1 B=1")
	w.pass(time.Hour)
	w.wants("310 drain A", "320 end A")
	// For comparison: without a replacement it is removed at once.
	w = started(t, "A=1 B=1")
	w.file("B=1")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 end A")
}

func TestOneOfTwoReplacedPeersStaysUntilOneIsEstablished(t *testing.T) {
	w := started(t, "A=1 B=1")
	w.router("C").dead, w.router("D").dead = true, true
	w.file("C=1 D=1")
	w.pass(time.Hour)
	w.wants("310 drain A", "320 end A")
	if got, want := w.status("B"), "waiting: is removed when another session is established: this is the last ipv4 session; waiting for: 192.0.2.67, 192.0.2.68"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.router("D").dead = false
	w.pass(30 * time.Second)
	w.wants("3614 drain B", "3624 end B")
	// If the file has no session for the family, nothing is waited for.
	w = started(t, "A=1 B=1 a=1")
	w.file("a=1")
	w.pass(time.Minute)
	w.wants("10 drain A", "20 end A", "20 drain B", "30 end B")
	// A lone session is not kept beyond the bound.
	w = started(t, "A=1")
	w.router("C").dead = true
	w.file("C=1")
	w.pass(time.Hour)
	w.wants("310 drain A", "320 end A")
}

func TestAFailedChangeKeepsItsSessionAndDelaysNoOther(t *testing.T) {
	w := started(t, "A=1 B=1 C=1")
	w.fail[address("A").String()] = true
	w.file("A=2 B=2 C=1")
	w.pass(10 * time.Second)
	if got, want := w.status("A"), "waiting: changes after 192.0.2.66, whose session is being changed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.fail = nil
	w.pass(11 * time.Second)
	w.key("B", "2")
	w.pass(5 * time.Minute)
	w.wants("10 drain A", "20 keep A", "20 drain B", "30 reset B", "80 drain A", "90 reset A")
}

// TestANeighborNamedAnotherWayBeginsAfterTheOldSessionEnds: a server has one session with each neighbor.
func TestANeighborNamedAnotherWayBeginsAfterTheOldSessionEnds(t *testing.T) {
	w := started(t, "eth0=1 eth1=1")
	w.file("fe80::1%eth0=1 fe80::1%eth1=1")
	if got, want := w.status("fe80::1%eth0"), "waiting: begins after eth0, which is the same neighbor and is being removed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.pass(time.Hour)
	w.wants("10 drain eth0", "20 end eth0", "25 drain eth1", "35 end eth1")
	// It holds the turn until it is established again, like a session that is reset.
	w = started(t, "eth0=1 A=1 B=1")
	w.router("fe80::1%eth0").key = "2"
	w.file("fe80::1%eth0=1 A=2 B=1")
	w.pass(time.Minute)
	w.wants("10 drain eth0", "20 end eth0")
	w = started(t, "eth0=1 eth1=1")
	w.file("fe80::1%eth0=1 fe80::1%eth1=1")
	w.pass(time.Hour)
	if got := w.status("fe80::1%eth0") + w.status("fe80::1%eth1"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestSessionsThatAreDownChangeImmediately(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"A", "B"} {
		w.router(name).dead = true
	}
	w.file("A=1 B=1 C=1")
	w.pass(10 * time.Second)
	w.file("A=2 B=2 C=1")
	for _, name := range []string{"A", "B"} {
		if w.router(name).has.Password != "2" {
			t.Errorf("%s: got %+v", name, w.router(name).has)
		}
	}
	w.file("C=1")
	if w.router("A").has != nil {
		t.Error("a session that is down was not removed")
	}
	w.wants()
}
