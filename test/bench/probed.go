package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// probed is what of a federation is probed.
type probed string

const (
	unprobed       probed = ""
	gatewaysProbed probed = "gateways"
	// tcpProbed and httpProbed functions are probed beside the gateways.
	tcpProbed  probed = "tcp"
	httpProbed probed = "http"
)

// aloneIn is how many functions there are for one that is probed by itself.
const aloneIn = 100

// alive is what probes find: it accepts connections, and answers requests, at every address
// of loopback.
type alive struct {
	server http.Server
	port   int
}

func startAlive() (*alive, error) {
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		return nil, fmt.Errorf("what is probed: %w", err)
	}
	a := &alive{port: listener.Addr().(*net.TCPAddr).Port}
	a.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	a.server.ReadHeaderTimeout = time.Second
	go func() { _ = a.server.Serve(listener) }() // should it fail, probes do
	return a, nil
}

func (a *alive) stop() { _ = a.server.Close() } // an error says that it has stopped

// gateway is where a cluster is reached.
func (s size) gateway(cluster, port int) string {
	if s.probed == unprobed {
		return clusterAddress(cluster).String()
	}
	return fmt.Sprintf("%s:%d", gatewayAddress(cluster), port)
}

func gatewayAddress(cluster int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 18, 0, byte(cluster + 1)})
}

// atGateway is expected of the first function that is not probed by itself.
func atGateway(t target) []expectation {
	return []expectation{{query{name: t.function(1)}, "NOERROR " + gatewayAddress(0).String()}}
}

// probe says how a function of that number is probed.
func (s size) probe(f *fixture.Function, number, port int) {
	byItself := number%aloneIn == 0
	switch {
	case s.probed == unprobed:
		f.Annotations = fixture.Unprobed()
	case s.probed == httpProbed && byItself:
		f.Annotations = map[string]string{"nearcast.dev/probe": fmt.Sprintf("http://:%d/healthz", port)}
	case s.probed == tcpProbed && byItself:
		f.Annotations = map[string]string{"nearcast.dev/probe": fmt.Sprintf("tcp://:%d", port)}
		f.LoadBalancer = map[string]string{}
		for i, name := range f.Clusters {
			f.LoadBalancer[name] = fmt.Sprintf("127.%d.%d.%d", 19+i, number/aloneIn/250, number/aloneIn%250+1)
		}
	}
}
