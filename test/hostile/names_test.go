package hostile

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/fixture"
)

// victim is a function of another namespace, placed in de-wide.
func victim(namespace, name string) fixture.Function {
	return fixture.Function{Namespace: namespace, Name: name, Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}}
}

func TestTheVictimIsAnswered(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	w.serve(t, `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
    }
}`)
	if got := w.ask(t, "login.bank.fn.example.org.", dns.TypeA); got != "192.0.2.4" {
		t.Errorf("login.bank is %s, want its cluster's gateway", got)
	}
}
