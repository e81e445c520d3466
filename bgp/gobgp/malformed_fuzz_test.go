package gobgp

import (
	"sync"
	"testing"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// FuzzAPeerSendsAnything sends an UPDATE with any attributes in an established
// session. Whatever they are, the speaker answers what comes next or ends the
// session. A whole message of any bytes would end most sessions, and each takes
// seconds to come back.
func FuzzAPeerSendsAnything(f *testing.F) {
	peers := newRawPeers(f, [stages]int{established: 64})
	startSpeaker(f, peers)
	ready := make(chan *rawPeer, len(peers))
	var connecting sync.WaitGroup
	connect := func(p *rawPeer) {
		connecting.Go(func() {
			if p.meet(newScript(nil)) == nil {
				ready <- p
			}
		})
	}
	for _, p := range peers {
		connect(p)
	}
	f.Cleanup(func() {
		for _, p := range peers {
			p.listener.Close()
		}
		connecting.Wait()
	})
	f.Add([]byte{})
	for t := range attributeValues {
		f.Add(join(beside(t), right(t)))
	}
	const room = gobgp.BGP_MAX_MESSAGE_LENGTH - gobgp.BGP_HEADER_LENGTH - 8 // what is around attributes
	f.Fuzz(func(t *testing.T, attributes []byte) {
		p := <-ready
		p.send(update(nil, attributes[:min(len(attributes), room)], foreign))
		p.send(routeRefresh)
		switch p.outcome(waitTime, isRoute) {
		case kept:
			ready <- p
		case silent:
			t.Error("got neither an answer nor the end of the session")
		default:
			p.hangUp()
			connect(p)
		}
	})
}
