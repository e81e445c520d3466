package judge

import (
	"container/heap"
	"time"
)

// due is when the passing of time changes a VIP, and its place in the queue.
type due struct {
	at   time.Time
	slot int // counted from 1; 0 if it is not in the queue
}

// dueQueue holds the VIPs that the passing of time changes, earliest first. Its zero value is
// empty.
type dueQueue struct{ heap dueHeap }

// set sets when the passing of time changes the VIP; zero for never.
func (q *dueQueue) set(v *judged, at time.Time) {
	switch {
	case v.due.slot > 0 && at.IsZero():
		heap.Remove(&q.heap, v.due.slot-1)
	case v.due.slot > 0 && !at.Equal(v.due.at):
		v.due.at = at
		heap.Fix(&q.heap, v.due.slot-1)
	case v.due.slot == 0 && !at.IsZero():
		v.due.at = at
		heap.Push(&q.heap, v)
	}
}

// next returns the earliest time; zero for none.
func (q *dueQueue) next() time.Time {
	if len(q.heap) == 0 {
		return time.Time{}
	}
	return q.heap[0].due.at
}

// upTo removes and returns the VIPs whose time has come.
func (q *dueQueue) upTo(now time.Time) []*judged {
	var all []*judged
	for len(q.heap) > 0 && !now.Before(q.heap[0].due.at) {
		all = append(all, heap.Pop(&q.heap).(*judged))
	}
	return all
}

// dueHeap implements heap.Interface.
type dueHeap []*judged

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.at.Before(h[j].due.at) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].due.slot, h[j].due.slot = i+1, j+1
}

func (h *dueHeap) Push(x any) {
	v := x.(*judged)
	*h = append(*h, v)
	v.due.slot = len(*h)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	v.due.slot = 0
	return v
}
