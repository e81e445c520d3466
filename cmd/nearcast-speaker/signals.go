package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// handled are the signals that nothing else receives, so that each is handled once.
var handled = []os.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT}

// signals delivers the signals that the process receives from start to end: one that arrives while
// the speaker drains must neither end it nor be lost.
type signals struct {
	// ctx ends with the first SIGTERM or SIGINT, and the second closes hurry. A third one ends the
	// process.
	ctx   context.Context
	hurry chan struct{}
	// reload receives a value after each SIGHUP.
	reload chan struct{}

	arrived chan os.Signal
	ended   chan struct{}
	done    sync.WaitGroup
}

// listen handles the signals of the process until close.
func listen(ctx context.Context) *signals {
	s := &signals{hurry: make(chan struct{}), reload: make(chan struct{}, 1), arrived: make(chan os.Signal, 4), ended: make(chan struct{})}
	// A log reader that exits must not end the announcements.
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

// close stops handling signals.
func (s *signals) close() {
	signal.Stop(s.arrived)
	close(s.ended)
	s.done.Wait()
}
