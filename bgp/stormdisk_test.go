package bgp

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/folder"
)

// disk is what the drains of a site are written to.
type disk struct {
	is     diskState
	mended chan struct{}
	// kept are the drains of which one is on disk: those that were said to be saved, and later ones.
	kept [][]vip.Drain
	// damaged is set where the file was made unreadable since.
	damaged bool
	// rewritten is set where it may have been written again after that.
	rewritten bool
}

type diskState string

const (
	takesAll diskState = ""
	full     diskState = "full"
	readOnly diskState = "read-only"
	slowly   diskState = "slow"
	hangs    diskState = "hangs"
)

var allDisks = []diskState{takesAll, full, readOnly, slowly, hangs}

// write writes as the disk lets it.
func (n *station) write(path string, write func(io.Writer) error) error {
	n.machine.mu.Lock()
	is, mended := n.disk.is, n.disk.mended
	n.machine.mu.Unlock()
	switch is {
	case full:
		return syscall.ENOSPC
	case readOnly:
		return syscall.EROFS
	case slowly:
		time.Sleep(3 * time.Second)
	case hangs:
		<-mended
		return errHung
	}
	return folder.Replace(path, write)
}

// setDisk has the disk be another one.
func (n *station) setDisk(is diskState) {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	if n.disk.is == hangs && is != hangs {
		close(n.disk.mended)
	}
	if is == hangs && n.disk.is != hangs {
		n.disk.mended = make(chan struct{})
	}
	n.disk.is = is
}

func (n *station) mendDisk() { n.setDisk(takesAll) }

// damages cuts off the file of drains.
func (n *station) damages() {
	path := filepath.Join(n.state(), "bgp-drains.json")
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) < 3 {
		return // nothing was written yet
	}
	if err := os.WriteFile(path, raw[:len(raw)-2], 0o600); err != nil {
		n.Fatal(err)
	}
	n.disk.damaged, n.disk.rewritten = true, false
}

// drained takes what the speaker says of its drains after they changed, and whether it says
// that they are on disk.
func (n *station) drained(st Status) {
	n.wantDrains = st.Drains
	n.disk.kept = append(n.disk.kept, slices.Clone(st.Drains))
	if st.DrainsUnsaved == "" {
		n.disk.kept = n.disk.kept[len(n.disk.kept)-1:]
		n.disk.damaged = false
	}
}

// wantKept holds that the drains of the run before hold, where they were said to be saved.
func (n *station) wantKept() {
	st := n.speaker.Status()
	now := time.Now()
	holds := slices.ContainsFunc(n.disk.kept, func(all []vip.Drain) bool { return sameDrains(all, st.Drains, now) }) || len(n.disk.kept) == 0 && len(st.Drains) == 0
	if !holds && !n.disk.damaged {
		n.Errorf("site %d: after a restart drains are %v, and one of %v was saved", n.number, st.Drains, n.disk.kept)
	}
	if n.disk.damaged && !n.disk.rewritten && st.DrainsLost == "" {
		n.Errorf("site %d: a damaged file of drains is read without a word: %v", n.number, st.Drains)
	}
	n.disk.kept, n.disk.damaged = [][]vip.Drain{st.Drains}, false
	if st.DrainsUnsaved != "" {
		n.disk.kept = append(n.disk.kept, nil) // a damaged file was set aside
	}
	n.wantDrains = st.Drains
}

// sameDrains compares those that have not ended.
func sameDrains(a, b []vip.Drain, now time.Time) bool {
	left := func(all []vip.Drain) (some []vip.Drain) {
		for _, d := range all {
			if !d.Ended(now) {
				some = append(some, vip.Drain{VIP: d.VIP, Reason: d.Reason, Until: d.Until.UTC()})
			}
		}
		return some
	}
	return reflect.DeepEqual(left(a), left(b))
}
