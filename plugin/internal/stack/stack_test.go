package stack

import (
	"testing"
	"unsafe"

	"github.com/miekg/dns"
)

// address is where a variable of the caller's stack is. It moves if the stack does.
func address(local *byte) uintptr { return uintptr(unsafe.Pointer(local)) }

// deep uses some 5 KB of stack.
//
//go:noinline
func deep(n int) (sum byte) {
	var frame [512]byte
	if n > 0 {
		sum = deep(n - 1)
	}
	for i := range frame {
		frame[i] = sum + byte(i)
	}
	return frame[n]
}

// moves reports whether the stack of a new goroutine moves during a deep call after first.
func moves(first func()) bool {
	moved := make(chan bool)
	go func() {
		var here byte
		first()
		before := address(&here)
		deep(8)
		moved <- address(&here) != before
	}()
	return <-moved
}

func TestAChainOfPluginsDoesNotMoveTheStackAgain(t *testing.T) {
	decorate := Decorate(nil)
	for range 100 {
		if moves(func() { decorate(nil) }) {
			t.Fatal("the stack moved: it was not large enough")
		}
	}
	if !moves(func() {}) {
		t.Error("the stack does not move without Decorate either: this test shows nothing")
	}
}

// named is a writer that differs from others by its name.
type named struct {
	dns.Writer
	name string
}

func TestAWriterIsDecoratedAsItsServerWants(t *testing.T) {
	w := &named{name: "server"}
	if got := Decorate(nil)(w); got != dns.Writer(w) {
		t.Errorf("got %v, want the server's own writer", got)
	}
	own := func(w dns.Writer) dns.Writer { return &named{w, "own"} }
	if got := Decorate(own)(w).(*named); got.name != "own" || got.Writer != dns.Writer(w) {
		t.Errorf("got %v, want the server's decoration", got)
	}
}

func BenchmarkGoroutineWithADeepChain(b *testing.B) {
	decorate := Decorate(nil)
	for name, first := range map[string]func(){"grown at once": func() { decorate(nil) }, "grown twice": func() {}} {
		b.Run(name, func(b *testing.B) {
			done := make(chan byte)
			b.ReportAllocs()
			for b.Loop() {
				go func() {
					first()
					done <- deep(8)
				}()
				<-done
			}
		})
	}
}
