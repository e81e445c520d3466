package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// records is a function with every record type.
var records = fixture.Function{Name: "web", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(
	"nearcast.dev/hostname", "web.fn.example.org,*.apps.fn.example.org", "nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2",
	"nearcast.dev/txt", "v=1", "nearcast.dev/address", "us-azure=192.0.2.2,us-azure=2001:db8::2,de-wide=192.0.2.4,mk-core=192.0.2.1",
)}

// questions are sent over every transport: name, type, subnet, answer.
var questions = [][4]string{
	{"web.fn.example.org", "A", "10.2.0.0/16", "192.0.2.2"},
	{"web.fn.example.org", "A", "10.3.0.0/16", "192.0.2.4"},
	{"web.fn.example.org", "A", "2001:db8:2::/48", "192.0.2.2"},
	{"web.fn.example.org", "A", "2002:a02::/32", "192.0.2.2"}, // 6to4 of 10.2.0.0/16
	{"web.fn.example.org", "AAAA", "10.2.0.0/16", "2001:db8::2"},
	{"web.fn.example.org", "AAAA", "10.3.0.0/16", ""},
	{"web.fn.example.org", "HTTPS", "10.2.0.0/16", "1_._alpn=h2_port=8443_ipv4hint=192.0.2.2_ipv6hint=2001:db8::2"},
	{"web.fn.example.org", "TXT", "10.2.0.0/16", `"v=1"`},
	{"_https._tcp.web.fn.example.org", "SRV", "10.2.0.0/16", "0_0_8443_web.fn.example.org."},
	{"any.apps.fn.example.org", "A", "10.3.0.0/16", "192.0.2.4"},
	{"none.fn.example.org", "A", "10.3.0.0/16", ""},
}

// TestTransportsAnswerAlike queries over UDP, TCP, TLS, HTTPS and QUIC with kdig, and
// with dig.
func TestTransportsAnswerAlike(t *testing.T) {
	kdig, dig := peers.Find(t, "kdig", "knot-dnsutils"), peers.Find(t, "dig", "bind9-dnsutils")
	dir := federation(t, records)
	fixture.Certificate(t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), "nearcast")
	var corefile strings.Builder
	ports := map[string]string{}
	for _, scheme := range []string{"dns", "tls", "https", "quic"} {
		ports[scheme] = freePort(t)
		certificate := ""
		if scheme != "dns" {
			certificate = fmt.Sprintf("\ttls %s/tls.crt %s/tls.key\n", dir, dir)
		}
		fmt.Fprintf(&corefile, "%s://fn.example.org:%s {\n\tbind 127.0.0.1\n%s\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests %s/manifests\n\t\tlocations %s/locations.csv\n\t}\n}\n",
			scheme, ports[scheme], certificate, dir, dir)
	}
	coreDNS(t, corefile.String(), ports["dns"])
	transports := []struct {
		name string
		peer peers.Program
		args []string
		port string
	}{
		{"dig over UDP", dig, nil, "dns"}, {"dig over TCP", dig, []string{"+tcp"}, "dns"},
		{"kdig over UDP", kdig, nil, "dns"}, {"kdig over TCP", kdig, []string{"+tcp"}, "dns"},
		{"dig over TLS", dig, []string{"+tls"}, "tls"}, {"dig over HTTPS", dig, []string{"+https"}, "https"},
		{"kdig over TLS", kdig, []string{"+tls"}, "tls"}, {"kdig over HTTPS", kdig, []string{"+https"}, "https"}, {"kdig over QUIC", kdig, []string{"+quic"}, "quic"},
	}
	for _, transport := range transports {
		for _, q := range questions {
			args := append([]string{"@127.0.0.1", "-p", ports[transport.port], "+short", "+subnet=" + q[2]}, transport.args...)
			got := strings.Join(printed(t, transport.peer.Command(append(args, q[0], q[1])...)), " ")
			// kdig and dig print HTTPS records with and without quotes.
			if q[1] == "HTTPS" {
				got = strings.ReplaceAll(got, `"`, "")
			}
			if got != q[3] {
				t.Errorf("%s: %s %s from %s: got %q, want %q", transport.name, q[0], q[1], q[2], got, q[3])
			}
		}
	}
	t.Logf("%d transports gave the same %d answers", len(transports), len(questions))
}

// TestSplitHorizonTable prints which client is sent where: one name, four clients, two
// sites.
func TestSplitHorizonTable(t *testing.T) {
	dig := peers.Find(t, "dig", "bind9-dnsutils")
	// hpc-kube is behind NAT: only the VPN reaches it.
	nat := fixture.Cluster{Name: "hpc-kube", Region: "mk", Zone: "mk-skopje", Coordinates: "42.00,21.41",
		Annotations: map[string]string{"nearcast.dev/address.vpn": "100.64.0.3"}}
	carrier := fixture.Three[0]
	carrier.Annotations = map[string]string{"nearcast.dev/address.carrier": "10.77.0.4"}
	public := fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"hpc-kube", "de-wide", "us-azure"}}
	private := fixture.Function{Namespace: "blue", Name: "hello", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed(
		"nearcast.dev/access", "private", "nearcast.dev/hostname", "own.fn.example.org")}
	documents := fixture.Documents(nat, carrier, fixture.Three[1], fixture.Three[2], public, private)
	dir := federation(t)
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), documents)
	clients := []struct{ who, source string }{
		{"carrier's device", "127.1.0.1"}, {"VPN client", "127.2.0.1"}, {"public client", "127.0.0.1"}, {"tenant blue", "127.3.0.1"},
	}
	want := map[string][]string{ // by site and name, in the clients' order
		"hpc-kube hello.demo": {"10.77.0.4", "100.64.0.3", "192.0.2.4", "192.0.2.4"},
		"hpc-kube own":        {"NXDOMAIN", "NXDOMAIN", "NXDOMAIN", "192.0.2.2"},
		"us-azure hello.demo": {"192.0.2.2", "192.0.2.2", "192.0.2.2", "192.0.2.2"},
		"us-azure own":        {"NXDOMAIN", "NXDOMAIN", "NXDOMAIN", "192.0.2.2"},
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-10s %-28s", "site", "name")
	for _, c := range clients {
		fmt.Fprintf(&table, " %-17s", c.who)
	}
	for _, site := range []string{"hpc-kube", "us-azure"} {
		port := freePort(t)
		coreDNS(t, fmt.Sprintf(`fn.example.org:%s {
	bind 127.0.0.1
	nearcast {
		cluster %s
		manifests %s/manifests
		horizon carrier 127.1.0.0/16
		horizon vpn 127.2.0.0/16
		tenant blue 127.3.0.0/16
	}
}`, port, site, dir), port)
		for _, name := range []string{"hello.demo", "own"} {
			fmt.Fprintf(&table, "\n%-10s %-28s", site, name+".fn.example.org")
			for i, c := range clients {
				out := strings.Join(printed(t, dig.Command("@127.0.0.1", "-p", port, "-b", c.source, "+noall", "+answer", "+comments", name+".fn.example.org", "A")), " ")
				got := "NXDOMAIN"
				if !strings.Contains(out, "status:_NXDOMAIN") {
					got = out[strings.LastIndexAny(out, "\t ")+1:]
					got = got[strings.LastIndex(got, "_")+1:]
				}
				fmt.Fprintf(&table, " %-17s", got)
				if wanted := want[site+" "+name][i]; got != wanted {
					t.Errorf("%s queries %s for %s: got %s, want %s", c.who, site, name, got, wanted)
				}
			}
		}
	}
	t.Log("\n" + table.String())
}
