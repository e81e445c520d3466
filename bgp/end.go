package bgp

import "time"

// release removes what this machine still has, once nothing is announced.
func (s *speaker) release() {
	now := time.Now()
	if len(s.addresses.given) > 0 {
		s.bind(nil, nil, now)
	}
	s.discard(nil, false, now)
}

// ended waits for the checks and all other goroutines. It stops waiting for a disk that does not
// respond, which must not keep the process alive.
func (s *speaker) ended() {
	all := make(chan struct{})
	go func() {
		defer close(all)
		s.runner.wait()
		s.background.Wait()
	}()
	select {
	case <-all:
	case <-time.After(closing):
		s.Log.Warn("ending although some tasks have not finished, such as writes to an unresponsive disk", "waited", closing)
	}
}
