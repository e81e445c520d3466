package turns

import (
	"testing"
	"time"
)

// started is a world whose sessions are established, 10 seconds after the begin.
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
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := w.status("B"), "draining: drained, to be reset with the settings of the file (until 20)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.pass(20 * time.Second)
	if got, want := w.status("B"), "returning: was reset with new settings and is not back; others wait for it (until 320)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.wants("10 drain B", "20 reset B")
	w.key("B", "2") // at 30; it is back at 32, and carries its routes at 35
	w.pass(10 * time.Second)
	w.key("AC", "2") // C before its turn: it has the key at once
	w.pass(30 * time.Second)
	w.wants("35 drain A")
	for _, name := range []string{"A", "B", "C"} {
		if got := w.status(name); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestARouterThatNeverFollowsHoldsTheOthersForTheBound(t *testing.T) {
	w := started(t, "A=1 B=1 C=1 D=1")
	w.file("A=2 B=2 C=2 D=2")
	w.pass(2 * time.Hour)
	// The last one stays, for as long as it takes.
	w.wants("10 drain A", "20 reset A", "320 drain B", "330 reset B", "630 drain C", "640 reset C")
	if got, want := w.status("D"), "waiting: changes when another session is established: this is the last one with ipv4; expected: 192.0.2.65, 192.0.2.66, 192.0.2.67"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := w.status("A"), "overdue: was reset with new settings and is not back; others no longer wait for it"; got != want {
		t.Errorf("%q, want %q", got, want)
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
	// Another one that has been down for long changes nothing about it.
	w = newWorld(t)
	w.router("B").dead = true
	w.file("A=1 B=1")
	w.pass(10 * time.Minute)
	w.file("A=2 B=1")
	w.pass(time.Minute)
	w.wants("600 drain A", "610 reset A")
	// One that gets other settings may come up with them.
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

// TestTheLastSessionOfAGroupStays: VIPs are sent to groups, so that those of others do not carry them.
func TestTheLastSessionOfAGroupStays(t *testing.T) {
	w := started(t, "A/tor=1 B/tor=1 C/transit=1 D/transit=1 a/tor=1")
	w.file("A/tor=2 B/tor=2 C/transit=1 D/transit=1 a/tor=1")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
	if got, want := w.status("B"), "waiting: changes when another session is established: this is the last one with ipv4 for the routes that it is sent; expected: 192.0.2.65"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// A group that the file gives it later counts at once.
	w = started(t, "A=1 B=1 C=1 D=1")
	w.file("A=2 B=2 C=1 D=1")
	w.pass(time.Minute)
	w.file("A/tor=2 B/tor=2 C=1 D=1")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
	// Others of a group do not keep the last session of all.
	w = started(t, "A/tor=1 B/transit=1")
	w.file("A/tor=2 B/transit=2")
	w.pass(time.Hour)
	w.wants("10 drain A", "20 reset A")
}

func TestASessionThatGoesDownByItselfIsWaitedForAndChangesAtOnce(t *testing.T) {
	w := started(t, "A=1 B=1")
	w.file("A=2 B=2")
	w.pass(8 * time.Second)
	w.key("B", "2") // by its operator, while A is drained: A is the last one for a moment
	w.pass(70 * time.Second)
	w.wants("10 drain A", "20 keep A", "80 drain A")
	// One that does not come back is waited for as long as the bound.
	w = started(t, "A=1 B=1")
	w.file("A=2 B=1")
	w.pass(8 * time.Second)
	w.router("B").dead = true
	w.pass(2 * time.Second)
	w.wants("10 drain A", "20 keep A")
	w.pass(10 * time.Minute)
	w.wants("318 drain A", "328 reset A")
}

func TestAReplacementIsBegunFirstAndTheOldOneLeavesAfterIt(t *testing.T) {
	w := started(t, "A=1 B=1")
	w.router("C").key = "2"
	w.file("C=1 B=1")
	w.pass(5 * time.Second)
	if got, want := w.status("A"), "waiting: leaves when the new peers are established: 192.0.2.67 (until 310)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.key("C", "1")
	w.pass(10 * time.Second)
	if got, want := w.status("A"), "draining: drained, to leave: the file no longer has it (until 30)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.pass(10 * time.Second)
	w.wants("20 drain A", "30 end A")
	// One that never comes is waited for as long as the bound.
	w = started(t, "A=1 B=1")
	w.router("C").dead = true
	w.file("C=1 B=1")
	w.pass(time.Hour)
	w.wants("310 drain A", "320 end A")
	// The control: without a replacement it leaves at once.
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
	if got, want := w.status("B"), "waiting: leaves when another session is established: this is the last one with ipv4; expected: 192.0.2.67, 192.0.2.68"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.router("D").dead = false
	w.pass(30 * time.Second)
	w.wants("3614 drain B", "3624 end B")
	// Where the file has none for the family, none is waited for.
	w = started(t, "A=1 B=1 a=1")
	w.file("a=1")
	w.pass(time.Minute)
	w.wants("10 drain A", "20 end A", "20 drain B", "30 end B")
	// One alone cannot be kept, beyond the bound.
	w = started(t, "A=1")
	w.router("C").dead = true
	w.file("C=1")
	w.pass(time.Hour)
	w.wants("310 drain A", "320 end A")
}

func TestWhatFailsKeepsItsSessionAndHoldsNoOther(t *testing.T) {
	w := started(t, "A=1 B=1 C=1")
	w.fail[address("A").String()] = true
	w.file("A=2 B=2 C=1")
	w.pass(10 * time.Second)
	if got, want := w.status("A"), "waiting: changes after 192.0.2.66, whose session is being changed"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.fail = nil
	w.pass(11 * time.Second)
	w.key("B", "2")
	w.pass(5 * time.Minute)
	w.wants("10 drain A", "20 keep A", "20 drain B", "30 reset B", "80 drain A", "90 reset A")
}

// TestANeighbourThatIsFoundAnotherWayBeginsAfterItHasLeft: a server has one session with it.
func TestANeighbourThatIsFoundAnotherWayBeginsAfterItHasLeft(t *testing.T) {
	w := started(t, "eth0=1 eth1=1")
	w.file("fe80::1%eth0=1 fe80::1%eth1=1")
	if got, want := w.status("fe80::1%eth0"), "waiting: begins after eth0, which is the same neighbour and leaves"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.pass(time.Hour)
	w.wants("10 drain eth0", "20 end eth0", "25 drain eth1", "35 end eth1")
	// It holds the turn until it is back, as one that is reset.
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

func TestSessionsThatAreDownChangeAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"A", "B"} {
		w.router(name).dead = true
	}
	w.file("A=1 B=1 C=1")
	w.pass(10 * time.Second)
	w.file("A=2 B=2 C=1")
	for _, name := range []string{"A", "B"} {
		if w.router(name).has.Password != "2" {
			t.Errorf("%s has %+v", name, w.router(name).has)
		}
	}
	w.file("C=1")
	if w.router("A").has != nil {
		t.Error("a session that is down has not ended")
	}
	w.wants()
}
