package hostile

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// bankSecret is what a private function of the bank says to who may ask it.
const bankSecret = "s3cr3t"

const bankLedger = "ledger.bank.fn.example.org"

// sharedGateway is a cluster's, which functions share. It tells them apart by the host.
type sharedGateway struct {
	addr, host string // addr is host:port
	mu         sync.Mutex
	// asked are the hosts and paths of all requests.
	asked map[string]int
}

func newSharedGateway(t *testing.T, inner net.Listener) *sharedGateway {
	t.Helper()
	host := fixture.AnotherLoopback()
	g := &sharedGateway{addr: net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host))), host: host, asked: map[string]int{}}
	listener, err := net.Listen("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.asked[r.Host+r.URL.Path]++
		g.mu.Unlock()
		switch {
		case r.Host == bankLedger:
			w.Header().Set("Set-Cookie", "session="+bankSecret)
			fmt.Fprint(w, "balance=1000000")
		case r.URL.Path == "/redirect":
			http.Redirect(w, r, "http://"+inner.Addr().String()+"/"+bankSecret, http.StatusFound)
		default:
			w.Header().Set("X-Own", bankSecret)
			fmt.Fprint(w, bankSecret)
		}
	})}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { server.Close() })
	return g
}

// count is how often the gateway was asked for the host and path.
func (g *sharedGateway) count(what string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[what]
}

// hosts are all that begin so.
func (g *sharedGateway) hosts(prefix string) (all []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for what := range g.asked {
		if strings.HasPrefix(what, prefix) {
			all = append(all, what)
		}
	}
	return all
}

// otherService is something else that listens, and counts who connects.
func otherService(t *testing.T, host string) (net.Listener, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var came atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			conn.Close()
		}
	}()
	return l, &came
}

func listenPort(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// probedFunction is a function of the namespace behind the gateway, with a probe.
func probedFunction(namespace, name, probe string, more ...string) fixture.Function {
	annotations := map[string]string{"nearcast.dev/probe": probe}
	for i := 0; i < len(more); i += 2 {
		annotations["nearcast.dev/"+more[i]] = more[i+1]
	}
	return fixture.Function{Namespace: namespace, Name: name, Annotations: annotations, Clusters: []string{"de-wide"}}
}

// clusterBehind is the cluster of the gateway.
func clusterBehind(g *sharedGateway) fixture.Cluster {
	return fixture.Cluster{Name: "de-wide", Region: "de", Zone: "de-fra", Address: g.addr}
}

// tenantsAt is a Corefile in which bank, evil and ops have claims of the gateway, which is a
// loopback address: so many ports of it are claimed for ops, and none of use for others.
func tenantsAt(g *sharedGateway, ops ...int) string {
	ports := ""
	for _, port := range ops {
		ports += " " + strconv.Itoa(port)
	}
	return strings.NewReplacer("GATEWAY", g.host, "PORTS", ports).Replace(`fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        tenant bank 10.20.0.0/16
        claim bank bank.fn.example.org addresses GATEWAY/32 ports 1
        claim evil evil.fn.example.org addresses GATEWAY/32 ports 1
        claim ops ops.fn.example.org addresses GATEWAY/32 ports 1PORTS
        probe interval 200ms timeout 1s
        admin {dir}/admin.sock
    }
}`)
}

// explainedBy is what nearcast explain prints of the name.
func explainedBy(t *testing.T, w *world, name string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(bin, "nearcast"), "explain", name, "--from", "192.0.2.77", "--admin", filepath.Join(w.dir, "admin.sock")).CombinedOutput()
	if err != nil {
		t.Fatalf("explain %s: %v: %s", name, err, out)
	}
	return string(out)
}

// toldByDNS is all that anybody can learn of the name by DNS: records with their TTL, rcode
// and extended errors.
func toldByDNS(t *testing.T, w *world, name string) string {
	t.Helper()
	query := new(dns.Msg).SetQuestion(name, dns.TypeA)
	query.SetEdns0(1232, false)
	reply, err := dns.Exchange(query, w.addr)
	if err != nil {
		return err.Error()
	}
	text := dns.RcodeToString[reply.Rcode]
	for _, rr := range append(reply.Answer, reply.Extra...) {
		text += " " + strings.ReplaceAll(rr.String(), name, "NAME")
	}
	return text
}

// TestAProbeRequestsNothingOfOthers has a tenant probe another's private function through
// the gateway that both share, and guess at its answer.
func TestAProbeRequestsNothingOfOthers(t *testing.T) {
	inner, followed := otherService(t, "127.0.0.1")
	g := newSharedGateway(t, inner)
	url := "http://" + bankLedger + "/account"
	w := newWorld(t, clusterBehind(g), probedFunction("bank", "ledger", "http:///health", "access", "private"))
	w.write(t, "evil",
		probedFunction("evil", "header", url, "expect", "header=Set-Cookie:zz"),
		probedFunction("evil", "right", url, "expect", "body=balance=1"),
		probedFunction("evil", "wrong", url, "expect", "body=balance=2"),
		probedFunction("evil", "case", "http://LEDGER.Bank.fn.example.org./account"),
		probedFunction("evil", "wild", "http://"+bankLedger+"/account", "hostname", "*.evil.fn.example.org"),
		probedFunction("evil", "grpc", "grpc://"+bankLedger+":80/x"),
		probedFunction("evil", "own", "http:///own", "expect", "header=X-Own:zz"),
		probedFunction("evil", "wanted", "http:///own", "expect", "header=X-Own:"+bankSecret),
		probedFunction("evil", "redirect", "http:///redirect"),
	)
	p := w.serve(t, tenantsAt(g))
	// The controls: probes are sent, with the host of whose they are; the secret is there.
	for _, what := range []string{bankLedger + "/health", "own.evil.fn.example.org/own", "redirect.evil.fn.example.org/redirect"} {
		eventually(t, what+" is probed", func() error {
			if g.count(what) < 5 {
				return fmt.Errorf("%d times", g.count(what))
			}
			return nil
		})
	}
	if got := g.ask(t, bankLedger); !strings.Contains(got, bankSecret) {
		t.Fatalf("a client of the bank's function gets %q", got)
	}
	if n, all := g.count(bankLedger+"/account"), g.hosts(bankLedger+"/"); n != 1 || len(all) != 2 { // this test's, and the bank's own
		t.Errorf("the gateway got requests %q, %d of them for the account", all, n)
	}
	if followed.Load() > 0 {
		t.Errorf("%d probes followed a redirect", followed.Load())
	}
	if right, wrong := toldByDNS(t, w, "right.evil.fn.example.org."), toldByDNS(t, w, "wrong.evil.fn.example.org."); right != wrong {
		t.Errorf("a right guess gives\n%s\nand a wrong one\n%s", right, wrong)
	}
	for _, name := range []string{"header", "right", "wrong", "case", "x", "grpc", "own", "redirect"} {
		text := explainedBy(t, w, name+".evil.fn.example.org")
		if strings.Contains(text, bankSecret) || strings.Contains(text, "balance=1000000") {
			t.Errorf("explain %s:\n%s", name, text)
		}
	}
	if text := explainedBy(t, w, "own.evil.fn.example.org"); !strings.Contains(text, `header X-Own does not contain "zz"`) {
		t.Errorf("the tenant's own failure has no reason:\n%s", text)
	}
	if text := explainedBy(t, w, "wanted.evil.fn.example.org"); !strings.Contains(text, "probe passes") {
		t.Errorf("the response of the tenant's own function is missing:\n%s", text)
	}
	if n := p.log.Count("is not one of the function's hostnames"); n != 6 {
		t.Errorf("%d of six hosts are rejected by name:\n%s", n, p.log)
	}
	if strings.Contains(p.log.String(), bankSecret) {
		t.Error("the log has the secret")
	}
}

// ask asks the gateway as any client can who reaches it.
func (g *sharedGateway) ask(t *testing.T, host string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+g.addr+"/account", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("Set-Cookie") + " " + string(body)
}

// TestAProbeCannotScanPorts has a tenant probe other services at the gateway's address, one
// that listens and one that is not there.
func TestAProbeCannotScanPorts(t *testing.T) {
	inner, _ := otherService(t, "127.0.0.1")
	g := newSharedGateway(t, inner)
	open, came := otherService(t, g.host)
	claimed, control := otherService(t, g.host)
	closed := fixture.FreePort(t, g.host)
	w := newWorld(t, clusterBehind(g), probedFunction("ops", "claimed", fmt.Sprintf("http://:%d/", listenPort(claimed))))
	w.write(t, "evil",
		probedFunction("evil", "open", fmt.Sprintf("tcp://:%d", listenPort(open))),
		probedFunction("evil", "closed", fmt.Sprintf("tcp://:%d", closed)),
		probedFunction("evil", "http", fmt.Sprintf("http://:%d/metrics", listenPort(open))),
		probedFunction("evil", "https", fmt.Sprintf("https://:%d/metrics", listenPort(open))),
		probedFunction("evil", "grpc", fmt.Sprintf("grpc://:%d/x", listenPort(open))),
		probedFunction("evil", "address", fmt.Sprintf("tcp://:%d", listenPort(open)), "address", "de-wide="+g.host),
		fixture.Function{Namespace: "evil", Name: "fixed", Clusters: []string{"de-wide"}, Annotations: map[string]string{
			"nearcast.dev/address": fmt.Sprintf("de-wide=%s:%d", g.host, listenPort(open))}},
		probedFunction("evil", "own", "http:///own"),
	)
	p := w.serve(t, tenantsAt(g, listenPort(claimed)))
	eventually(t, "probes are sent", func() error {
		if n, m := g.count("own.evil.fn.example.org/own"), control.Load(); n < 5 || m < 5 {
			return fmt.Errorf("got %d to the tenant's own port, %d to a claimed one", n, m)
		}
		return nil
	})
	if n := came.Load(); n > 0 {
		t.Errorf("%d probes reached a port that is not the tenant's", n)
	}
	if open, closed := toldByDNS(t, w, "open.evil.fn.example.org."), toldByDNS(t, w, "closed.evil.fn.example.org."); open != closed {
		t.Errorf("for an open port DNS shows\n%s\nand for a closed one\n%s", open, closed)
	}
	if n := p.log.Count("no claim line allows it for namespace evil"); n != 7 {
		t.Errorf("%d of seven ports are rejected by name:\n%s", n, p.log)
	}
}
