package hostile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
)

// evil is the namespace of the attacks.
const evil = "evil"

// anyService is one of a namespace that asks for addresses from 198.51.100.64 on, in
// any state that Kubernetes accepts.
func anyService(r *rand.Rand, namespace, name string, created time.Time) cluster.Service {
	s := cluster.Service{
		ServiceRef: vip.ServiceRef{Namespace: namespace, Name: name}, Created: created, Local: r.IntN(2) == 0,
		Probe: federation.Target{Kind: []federation.ProbeKind{federation.ProbeNone, federation.ProbeTCP}[r.IntN(2)]},
	}
	for range r.IntN(4) {
		s.Addresses = append(s.Addresses, netip.AddrFrom4([4]byte{198, 51, 100, byte(64 + r.IntN(8))}))
	}
	for range r.IntN(3) {
		s.Ports = append(s.Ports, fmt.Sprintf("tcp/%d", 80+r.IntN(3)))
	}
	for range r.IntN(3) {
		s.Endpoints = append(s.Endpoints, cluster.Endpoint{
			Addr: netip.MustParseAddrPort("10.0.0.1:8080"), Ready: r.IntN(2) == 0, Terminating: r.IntN(2) == 0, Here: r.IntN(2) == 0,
		})
	}
	return s
}

// of returns the VIPs that a namespace has, and those of the file.
func of(namespace string, vips []config.VIP) (all []config.VIP) {
	for _, v := range vips {
		if len(v.Owners) == 0 || v.Owners[0].Namespace == namespace {
			all = append(all, v)
		}
	}
	return all
}

// TestAServiceOfAnotherNamespaceCannotChangeAVIP: over random worlds in which two
// namespaces share a range, whatever younger Services one of them has, the VIPs of the
// other and of the file are as without them. The control has the same Services in the
// victim's own namespace, where they share, unback and take ports.
func TestAServiceOfAnotherNamespaceCannotChangeAVIP(t *testing.T) {
	cfg := &config.Config{
		Peers: []config.Peer{{Address: netip.MustParseAddr("192.0.2.1"), Families: []route.Family{route.IPv4}}},
		VIPs:  []config.VIP{{Address: netip.MustParseAddr("198.51.100.64")}},
		Pools: []config.Pool{{CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.64/26")}, Namespaces: []string{"*"}}},
	}
	changed := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		var victims, attackers []cluster.Service
		for i := range 1 + r.IntN(4) {
			victims = append(victims, anyService(r, "bank", fmt.Sprintf("s%d", i), time.Unix(int64(i), 1)))
		}
		for i := range 1 + r.IntN(4) {
			created := time.Time{} // the youngest
			if r.IntN(2) == 0 {
				created = time.Unix(int64(100+i), 0)
			}
			attackers = append(attackers, anyService(r, evil, fmt.Sprintf("x%d", i), created))
		}
		alone, _ := cluster.Assign(cfg, victims)
		beside, refused := cluster.Assign(cfg, append(append([]cluster.Service{}, attackers...), victims...))
		if !reflect.DeepEqual(of("bank", alone), of("bank", beside)) {
			t.Fatalf("world %d: bank has %+v beside %s, and %+v alone", seed, of("bank", beside), evil, of("bank", alone))
		}
		for _, v := range beside {
			for _, owner := range v.Owners {
				if owner.Namespace != v.Owners[0].Namespace {
					t.Fatalf("world %d: %s belongs to %v", seed, v.Address, v.Owners)
				}
			}
		}
		given := map[string]bool{}
		for _, v := range beside {
			for _, owner := range v.Owners {
				given[owner.String()+v.Address.String()] = true
			}
		}
		for _, refusal := range refused {
			given[refusal.Service.String()+refusal.Address] = true
		}
		for _, s := range attackers {
			for _, a := range s.Addresses {
				if !given[s.String()+a.String()] {
					t.Fatalf("world %d: %s neither gets %s nor is refused it", seed, s.ServiceRef, a)
				}
			}
			s.Namespace = "bank"
			victims = append(victims, s)
		}
		if control, _ := cluster.Assign(cfg, victims); !reflect.DeepEqual(of("bank", alone), of("bank", control)) {
			changed++
		}
	}
	if changed < 500 {
		t.Errorf("control: the attack changed %d of 2000 worlds, so it does not work", changed)
	}
}

// TestTheShippedPoolsAreDisjoint: what the project ships gives no two tenants one range.
func TestTheShippedPoolsAreDisjoint(t *testing.T) {
	t.Setenv("NODE_ADDRESS", "192.0.2.4")
	shipped, err := filepath.Glob("../../manifests/*/*/speaker.yaml")
	if err != nil || len(shipped) == 0 {
		t.Fatalf("found %v, %v", shipped, err)
	}
	for _, path := range shipped {
		cfg, err := config.Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(cfg.Pools) < 2 {
			t.Errorf("%s has %d pools: nothing to compare", path, len(cfg.Pools))
		}
		for _, warning := range config.Warnings(path) {
			t.Error(warning)
		}
	}
}
