package feed

import (
	"slices"
)

// history is the content of one zone and the steps that led to it. It is immutable: each change makes a new one.
type history struct {
	serial uint32
	nodes  []*Node // sorted
	size   int     // of the nodes
	head   *head
	// steps lead to nodes, the last one to serial. They are bounded; see trim.
	steps []step
	// stepsSize is the size of the steps.
	stepsSize int
}

// step is one change of serial.
type step struct {
	from, to uint32
	changes  []Change
	size     int
}

// The steps that are kept are at most as large as the zone, because a larger difference is worse than a full
// transfer. A small zone may have leastHistory of them, and no zone more than mostSteps.
const (
	leastHistory = 64 << 10
	mostSteps    = 4096
)

// sinceEpoch is the serial for a moment.
func sinceEpoch(unix int64) uint32 { return uint32(unix) } //nolint:gosec // serials wrap (RFC 1982)

// after returns the next serial: the time, unless that is not later. This way the serials never go back, even if
// the history was lost.
func after(serial, now uint32) uint32 {
	if later(now, serial) {
		return now
	}
	return serial + 1
}

// later compares serials as RFC 1982 does.
func later(a, b uint32) bool { return int32(a-b) > 0 } //nolint:gosec // as the RFC defines it

// next is the history after the changes, which are sorted and not empty.
func (h *history) next(serial uint32, changes []Change) *history {
	s := step{from: h.serial, to: serial, changes: changes}
	size := h.size
	for _, c := range changes {
		s.size += c.size()
		size += c.After.size() - c.Before.size()
	}
	return (&history{
		serial: serial, head: h.head, nodes: apply(h.nodes, changes), size: size,
		steps: append(h.steps, s), stepsSize: h.stepsSize + s.size, // readers look only at their own length
	}).trim()
}

// trim drops the oldest steps until the rest is within bounds.
func (h *history) trim() *history {
	for len(h.steps) > 0 && (h.stepsSize > max(h.size, leastHistory) || len(h.steps) > mostSteps) {
		h.stepsSize -= h.steps[0].size
		h.steps = h.steps[1:]
	}
	return h
}

// since returns all that changed after the serial, as one difference; false if the history does not go back that
// far.
func (h *history) since(serial uint32) ([]Change, bool) {
	at := slices.IndexFunc(h.steps, func(s step) bool { return s.from == serial })
	if at < 0 {
		return nil, serial == h.serial
	}
	var all []Change
	for _, s := range h.steps[at:] {
		all = append(all, s.changes...)
	}
	return join(all), true
}

// sizeOf is the size of a content.
func sizeOf(nodes []*Node) int {
	size := 0
	for _, n := range nodes {
		size += n.size()
	}
	return size
}
