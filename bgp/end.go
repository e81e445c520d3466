package bgp

import "time"

// release takes away from this machine what it still has, once nothing is announced.
func (s *speaker) release() {
	now := time.Now()
	if len(s.addresses.given) > 0 {
		s.bind(nil, nil, now)
	}
	s.discard(nil, false, now)
}

// ended returns when checks and all else beside the loop have ended, or does not wait any longer
// for a disk that does not answer: it must not keep the process from ending.
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
		s.Log.Warn("ending without what does not end, such as writing to a disk that does not answer", "waited", closing)
	}
}
