package nearcast

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// TestReportedLoadMovesClientsAndBringsThemBack has a real server report increasing load
// in its answers to probes.
func TestReportedLoadMovesClientsAndBringsThemBack(t *testing.T) {
	var load atomic.Value
	load.Store("0.5")
	listener, err := net.Listen("tcp", "127.0.9.8:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("endpoint-load-metrics", "TEXT application_utilization="+load.Load().(string))
	})}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	busy := fixture.Function{Name: "busy", Clusters: []string{"us-azure", "de-wide"}, Annotations: map[string]string{
		"nearcast.dev/probe": "http://:" + port + "/", "nearcast.dev/address": "us-azure=127.0.9.8,de-wide=127.0.9.9",
	}}
	// de-wide also has a server, which reports nothing.
	other, err := net.Listen("tcp", "127.0.9.9:"+port)
	if err != nil {
		t.Skipf("SKIPPED: the port is in use: %v", err)
	}
	quiet := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = quiet.Serve(other) }()
	defer quiet.Close()
	s := serve(t, `fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		cluster us-azure
		manifests DIR/manifests
		locations DIR/locations.csv
		claim demo fn.example.org addresses 127.0.9.0/24
		probe interval 100ms
	}
}`, federated(t, busy))
	s.expect("busy.demo.fn.example.org.", dns.TypeA, "10.2.0.0/24", "NOERROR 127.0.9.8", 5*time.Second)
	const clients = 256
	stay := func() (n int, scope uint8) {
		for i := range clients {
			reply := s.ask("busy.demo.fn.example.org.", dns.TypeA, fmt.Sprintf("10.2.%d.0/24", i))
			if summary(reply) == "NOERROR 127.0.9.8" {
				n++
			}
			scope = client.Subnet(reply).SourceScope
		}
		return n, scope
	}
	for _, step := range []struct {
		load        string
		least, most int // of 256
		scope       uint8
	}{{"0.5", clients, clients, 16}, {"0.9", 96, 160, 24}, {"0.97", 12, 52, 24}, {"2", 0, 0, 24}, {"0.1", clients, clients, 16}} {
		load.Store(step.load)
		var n int
		var scope uint8
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if n, scope = stay(); n >= step.least && n <= step.most && scope == step.scope {
				break
			}
		}
		t.Logf("load %s: %d of %d clients stay, scope %d", step.load, n, clients, scope)
		if n < step.least || n > step.most || scope != step.scope {
			t.Errorf("want %d to %d, scope %d", step.least, step.most, step.scope)
		}
	}
}
