package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// handled are the signals that nobody else takes, so that each is taken once.
var handled = []os.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT}

// signals are what the process was sent, from its start to its end: one that comes while the
// speaker drains must neither end it nor be lost.
type signals struct {
	// ctx ends with the first SIGTERM or SIGINT, and hurry is closed by the second. A third
	// one ends the process.
	ctx   context.Context
	hurry chan struct{}
	// reload has something after a SIGHUP.
	reload chan struct{}

	arrived chan os.Signal
	ended   chan struct{}
	done    sync.WaitGroup
}

// listen takes the signals of the process until close.
func listen(ctx context.Context) *signals {
	s := &signals{hurry: make(chan struct{}), reload: make(chan struct{}, 1), arrived: make(chan os.Signal, 4), ended: make(chan struct{})}
	// A reader of the log that goes away must not take the announcements with it.
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(s.arrived, handled...)
	var stop context.CancelFunc
	s.ctx, stop = context.WithCancel(ctx)
	s.done.Go(func() { defer stop(); s.follow(stop) })
	return s
}

func (s *signals) follow(stop context.CancelFunc) {
	for {
		select {
		case <-s.ended:
			return
		case one := <-s.arrived:
			s.take(one, stop)
		}
	}
}

func (s *signals) take(one os.Signal, stop context.CancelFunc) {
	if one == syscall.SIGHUP {
		select {
		case s.reload <- struct{}{}:
		default: // it is about to be read anyhow
		}
		return
	}
	if s.ctx.Err() == nil {
		stop()
		return
	}
	select {
	case <-s.hurry: // more came before Reset
	default:
		close(s.hurry)
		signal.Reset(syscall.SIGTERM, syscall.SIGINT)
	}
}

// close stops taking signals.
func (s *signals) close() {
	signal.Stop(s.arrived)
	close(s.ended)
	s.done.Wait()
}
