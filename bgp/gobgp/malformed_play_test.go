package gobgp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// script hands out the provocations of one pass, and keeps what came of them.
type script struct {
	mu       sync.Mutex
	waiting  [stages][]provocation
	outcomes map[string]outcome
}

func newScript(all []provocation) *script {
	s := &script{outcomes: make(map[string]outcome, len(all))}
	for _, c := range all {
		s.waiting[c.stage] = append(s.waiting[c.stage], c)
	}
	return s
}

func (s *script) take(at stage) (provocation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting[at]
	if len(waiting) == 0 {
		return provocation{}, false
	}
	s.waiting[at] = waiting[1:]
	return waiting[0], true
}

// next is the first stage of a peer at which something waits.
func (s *script) next(p *rawPeer) (stage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range p.stages() {
		if len(s.waiting[at]) > 0 {
			return at, true
		}
	}
	return p.kind, false
}

func (s *script) keep(c provocation, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[c.name] = o
}

// The journal on standard error says what was under way when the process ended.
const begun, done = "provocation begun: ", "provocation done: "

// perform plays provocations until none is left, and ends with an established
// session in which the speaker's route was announced.
func (p *rawPeer) perform(s *script) error {
	last := "nothing"
	for {
		if p.conn == nil {
			if err := p.meet(s); err != nil {
				return fmt.Errorf("%s, after %s: %w", p.addr, last, err)
			}
		}
		c, ok := s.take(p.stage)
		if !ok {
			if _, more := s.next(p); !more && p.stage == p.kind {
				return nil
			}
			p.hangUp()
			continue
		}
		fmt.Fprintln(os.Stderr, begun+c.name)
		o := p.play(c)
		fmt.Fprintln(os.Stderr, done+c.name)
		s.keep(c, o)
		last = c.name
		if o != kept || c.last || p.stage != p.kind {
			p.hangUp()
		}
	}
}

// meet brings the next connection to the stage that is needed. The speaker may
// replace a connection that has just been made, when it learns of the loss of
// the one before.
func (p *rawPeer) meet(s *script) error {
	deadline := time.Now().Add(waitTime)
	for {
		err := p.greet(s)
		if err == nil || errors.Is(err, net.ErrClosed) || time.Now().After(deadline) {
			return err
		}
		p.hangUp()
	}
}

func (p *rawPeer) greet(s *script) error {
	if err := p.accept(); err != nil {
		return err
	}
	p.stage, _ = s.next(p)
	switch p.stage {
	case opening:
		return nil
	case confirming:
		return p.confirm()
	default:
		return p.establish()
	}
}
