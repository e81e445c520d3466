package nearcast

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/source/snapshot"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestARestartDuringAPartitionServesTheLastState stops the server and the control plane,
// and starts only the server again. The data plane of one cluster is also lost, before
// and after.
func TestARestartDuringAPartitionServesTheLastState(t *testing.T) {
	// Two data planes listen on loopback; one of them will be lost.
	near, far := fixture.Listen(t, "127.0.9.2:0"), fixture.Listen(t, "127.0.9.4:0")
	defer far.Close()
	dir := t.TempDir()
	probed := fixture.Function{Name: "hello", Clusters: []string{"us-azure", "de-wide"}, Annotations: map[string]string{
		"nearcast.dev/address": "us-azure=127.0.9.2:" + portOf(near) + ",de-wide=127.0.9.4:" + portOf(far),
	}}
	karmada, kubeconfig := fixture.Karmada(t, dir, fixture.ThreeWith(probed))
	corefile := strings.NewReplacer("KUBECONFIG", kubeconfig, "DIR", dir).Replace(`fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster us-azure
			karmada KUBECONFIG
			snapshot DIR
			stale 1s
			claim demo fn.example.org addresses 127.0.9.0/24
			probe interval 200ms timeout 2s
		}
	}`)
	const name = "hello.demo.fn.example.org."
	run := func(test func(s *server)) {
		t.Run("", func(t *testing.T) { test(serve(t, corefile, dir)) })
	}
	run(func(s *server) { s.expect(name, dns.TypeA, "", "NOERROR 127.0.9.2", 5*time.Second) })
	karmada.CloseClientConnections()
	karmada.Close()
	run(func(s *server) {
		s.expect(name, dns.TypeA, "", "NOERROR 127.0.9.2", 10*time.Second)
		time.Sleep(1100 * time.Millisecond)
		if reply := s.exchange(query(name, dns.TypeA, "10.9.0.0/24")); ede(reply) != dns.ExtendedErrorCodeStaleAnswer {
			s.t.Errorf("EDE %d beyond the age of stale, want 3", ede(reply))
		}
		near.Close()
		s.expect(name, dns.TypeA, "", "NOERROR 127.0.9.4", 5*time.Second)
	})
	// Verdicts from the partition are not on disk, because the source has not confirmed
	// the state; probes find them again.
	run(func(s *server) { s.expect(name, dns.TypeA, "", "NOERROR 127.0.9.4", 10*time.Second) })
	// A truncated file is refused as a whole: no state is known then.
	files, err := filepath.Glob(filepath.Join(dir, "state-*.json"))
	if err != nil || len(files) != 1 || files[0] != snapshot.Path(dir, "karmada "+kubeconfig) {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.Truncate(files[0], 500); err != nil {
		t.Fatal(err)
	}
	run(func(s *server) {
		reply := s.exchange(query(name, dns.TypeA, "10.9.0.0/24"))
		if reply.Rcode != dns.RcodeServerFailure || ede(reply) != dns.ExtendedErrorCodeNotReady {
			s.t.Errorf("%s, EDE %d; want SERVFAIL, EDE 14", dns.RcodeToString[reply.Rcode], ede(reply))
		}
	})
}

func ede(m *dns.Msg) uint16 {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				return e.InfoCode
			}
		}
	}
	return 0
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
