package apistream

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// stream splits a response in one goroutine and decodes it in others.
type stream[K any] struct {
	body io.Closer
	// ready has the decoded batches, in the order of the response. Its capacity bounds how many
	// are decoded at a time. It is closed at the end of the response.
	ready  chan chan []decoded[K]
	closed chan struct{}
	split  sync.WaitGroup
	// err is why the response ended; it is set before ready is closed.
	err error

	rest []decoded[K]
}

// decoded is a decoded object, with what happened to it.
type decoded[K any] struct {
	event  watch.EventType
	item   *Item[K]
	status *metav1.Status // instead of an item, if the event is an error
	err    error
}

// batch holds frames; their raw bytes are one after the other in raw.
type batch struct {
	frames []frame
	raw    []byte
}

// maxBatch is the size in octets from which on a batch is decoded.
const maxBatch = 64 << 10

// batches are reused: what is decoded of them shares no memory with them.
var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) add(f frame) {
	start := len(b.raw)
	b.raw = append(b.raw, f.raw...)
	f.raw = b.raw[start:] // also valid if raw grows: what was appended stays in the array before
	b.frames = append(b.frames, f)
}

func (b *batch) free() {
	clear(b.frames)
	b.frames, b.raw = b.frames[:0], b.raw[:0]
	batches.Put(b)
}

// startStream reads and decodes the body until it ends or Close is called.
func startStream[K any](body io.ReadCloser, open func(io.Reader) (frames, error), decode func(frame) (*Item[K], error)) *stream[K] {
	s := &stream[K]{body: body, ready: make(chan chan []decoded[K], runtime.GOMAXPROCS(0)), closed: make(chan struct{})}
	s.split.Go(func() {
		defer close(s.ready)
		s.err = s.run(body, open, decode)
	})
	return s
}

// run splits the body into batches and starts to decode each. It hands over what is complete before
// it waits for more.
func (s *stream[K]) run(body io.Reader, open func(io.Reader) (frames, error), decode func(frame) (*Item[K], error)) error {
	b := batches.Get().(*batch)
	send := func() {
		if len(b.frames) == 0 {
			return
		}
		full, out := b, make(chan []decoded[K], 1)
		b = batches.Get().(*batch)
		s.split.Go(func() { out <- decodeAll(full, decode) })
		select {
		case s.ready <- out:
		case <-s.closed:
		}
	}
	from := &waiting{Reader: body, before: send}
	all, err := open(from)
	for err == nil {
		var f frame
		if f, err = all.next(); err != nil {
			break
		}
		if b.add(f); len(b.raw) >= maxBatch {
			send()
		}
	}
	send()
	b.free()
	if from.err != nil && from.err != io.EOF {
		return from.err // rather than what the decoder makes of it
	}
	return err
}

// waiting calls a function before each read, which may have to wait.
type waiting struct {
	io.Reader
	before func()
	err    error // of the last read
}

// Read implements io.Reader.
func (w *waiting) Read(p []byte) (n int, err error) {
	w.before()
	n, w.err = w.Reader.Read(p)
	return n, w.err
}

func decodeAll[K any](b *batch, decode func(frame) (*Item[K], error)) []decoded[K] {
	all := make([]decoded[K], len(b.frames))
	for i, f := range b.frames {
		all[i].event = f.event
		if f.event == watch.Error {
			all[i].status = &metav1.Status{}
			all[i].err = unmarshal(f, all[i].status, optionsOf(nil))
			continue
		}
		all[i].item, all[i].err = decode(f)
	}
	b.free()
	return all
}

// next returns the next object, or why there is none: io.EOF at the end of the response.
func (s *stream[K]) next() (decoded[K], error) {
	for len(s.rest) == 0 {
		out, ok := <-s.ready
		if !ok {
			return decoded[K]{}, s.err
		}
		s.rest = <-out
	}
	one := s.rest[0]
	s.rest = s.rest[1:]
	return one, one.err
}

// Close ends the stream, and waits until its goroutines have ended.
func (s *stream[K]) Close() {
	close(s.closed)
	s.body.Close()
	s.split.Wait()
}

// events are the events of a watch. It implements watch.Decoder.
type events[K any] struct{ *stream[K] }

// Decode implements watch.Decoder.
func (e events[K]) Decode() (watch.EventType, apiruntime.Object, error) {
	one, err := e.next()
	switch {
	case err != nil:
		return "", nil, err
	case one.event == watch.Error:
		return one.event, one.status, nil
	}
	switch one.event {
	case watch.Added, watch.Modified, watch.Deleted, watch.Bookmark:
		return one.event, one.item, nil
	}
	return "", nil, fmt.Errorf("unknown type of event %q", one.event)
}
