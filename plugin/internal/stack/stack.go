// Package stack gives the goroutine of a query the stack that a chain of plugins needs, at once.
//
// A goroutine starts with a small stack. When it is full, Go copies it to one of twice the size and corrects every
// pointer into it, frame by frame. A dns.Server starts a goroutine for each datagram, and the chain of plugins used
// to make its stack grow twice: the second time from deep inside, where copying costs more than a plugin.
package stack

import "github.com/miekg/dns"

// room is more than half of the 8 KB that prometheus, errors, rpz, nearcast, cache and the writing of the reply need
// together, so that the stack grows to that size in one step.
const room = 4 << 10

// Decorate returns a dns.DecorateWriter that makes room on the stack, and otherwise does what own does; own may be
// nil. A dns.Server calls it first of all on a datagram's goroutine, when there is next to nothing to copy.
func Decorate(own dns.DecorateWriter) dns.DecorateWriter {
	return func(w dns.Writer) dns.Writer {
		grow(false)
		if own == nil {
			return w
		}
		return own(w)
	}
}

// grow has a frame of the size of room, for which the stack grows before it is entered. It does not use it, so that
// the frame is not cleared either.
//
//go:noinline
func grow(use bool) byte {
	if !use {
		return 0
	}
	var frame [room]byte
	return fill(&frame)
}

//go:noinline
func fill(frame *[room]byte) byte {
	for i := range frame {
		frame[i] = byte(i)
	}
	return frame[room-1]
}
