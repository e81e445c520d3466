package perclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/etcd/msg"
	"github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	// These are the plugins that lead to nearcast, and those between.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/auto"
	_ "github.com/coredns/coredns/plugin/autopath"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/dns64"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/header"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/minimal"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/secondary"
	_ "github.com/coredns/coredns/plugin/siit"
	_ "github.com/coredns/coredns/plugin/template"
	_ "github.com/coredns/coredns/plugin/transfer"
	_ "github.com/coredns/coredns/plugin/view"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
)

func TestMain(m *testing.M) {
	plugin.Register("etcd", setupBackend)
	coredns.Main(m)
}

// way is how a plugin of the build may obtain a function's records.
type way int

const (
	// never: it sends no query to produce its answer.
	never way = iota
	// chain: it resolves a name inside the server, and copies records.
	chain
	// passes: it hands on what plugins behind it write, unchanged or changed.
	passes
	// network: it queries other servers. `nearcast check` warns of those that lead back
	// here.
	network
)

// ways lists all plugins, with the test's names that go through each. A plugin that
// shares another's code refers to that one.
var ways = map[string]struct {
	way   way
	names []string
	as    string
	// same are names that the plugin resolves only in its own server block.
	same []string
}{
	"auto":         {chain, []string{"www.auto.test.", "two.auto.test.", "intra.auto.test."}, "", nil},
	"azure":        {chain, nil, "file", nil},
	"clouddns":     {chain, nil, "file", nil},
	"dns64":        {chain, []string{"hello.demo.fn.example.org."}, "", nil},
	"dynupdate":    {chain, nil, "file", nil},
	"etcd":         {chain, []string{"hello.etcd.test.", "secret.etcd.test.", "nowhere.etcd.test."}, "", nil},
	"file":         {chain, []string{"www.file.test.", "two.file.test.", "three.file.test.", "intra.file.test.", "gone.file.test.", "any.w.file.test.", "hello.d.file.test.", "_http._tcp.file.test."}, "", nil},
	"k8s_external": {chain, nil, "etcd", nil},
	"kubernetes":   {chain, nil, "etcd", nil},
	"rewrite":      {chain, []string{"cname.file.test."}, "", []string{"hello.r.test.", "secret.rb.test."}},
	"route53":      {chain, nil, "file", nil},
	"rpz":          {chain, nil, "", []string{"garden.file.test.", "hidden.file.test.", "garden.auto.test."}},
	"secondary":    {chain, []string{"www.secondary.test.", "intra.secondary.test."}, "", nil},
	"siit":         {chain, []string{"six.demo.fn.example.org.", "six.file.test."}, "", nil},
	"template":     {chain, []string{"hello.t.test.", "six.t.test.", "nothere.t.test."}, "", nil},

	"autopath": {passes, []string{"x.a.path.test."}, "", nil}, "cache": {passes, nil, "", nil}, "dnssec": {passes, nil, "", nil}, "dnstap": {passes, nil, "", nil}, "errors": {passes, nil, "", nil},
	"header": {passes, nil, "", nil}, "loadbalance": {passes, nil, "", nil}, "log": {passes, nil, "", nil}, "minimal": {passes, nil, "", nil}, "nearcast": {passes, nil, "", nil},
	"nsid": {passes, nil, "", nil}, "prometheus": {passes, nil, "", nil}, "rrl": {passes, nil, "", nil}, "tsig": {passes, nil, "", nil}, "acl": {passes, nil, "", nil},
	"bufsize": {passes, nil, "", nil}, "cancel": {passes, nil, "", nil}, "trace": {passes, nil, "", nil}, "metadata": {passes, nil, "", nil}, "geoip": {passes, nil, "", nil},
	"loop": {passes, nil, "", nil}, "shed": {passes, nil, "", nil}, "direct": {passes, nil, "", nil},

	"forward": {network, nil, "", nil}, "grpc": {network, nil, "", nil},

	"any": {}, "bind": {}, "chaos": {}, "ddr": {}, "debug": {}, "erratic": {}, "grpc_server": {}, "health": {}, "hosts": {}, "https": {}, "https3": {},
	"local": {}, "multisocket": {}, "nomad": {}, "on": {}, "pprof": {}, "proxyproto": {}, "quic": {}, "ready": {}, "reload": {}, "root": {}, "sign": {},
	"tcp": {}, "timeouts": {}, "tls": {}, "transfer": {}, "view": {}, "whoami": {},
}

// TestEveryPluginOfTheBuildIsClassified fails for a new plugin, and for one that resolves
// names inside the server without being listed for it.
func TestEveryPluginOfTheBuildIsClassified(t *testing.T) {
	order, err := directives.Order()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range order {
		if _, ok := ways[name]; !ok {
			t.Errorf("%s: can it lead to a function's records? Add it to ways, and a name that goes through it to the zones of this test", name)
		}
	}
	for name, w := range ways {
		if !slices.Contains(order, name) {
			t.Errorf("%s is not in the build", name)
		}
		if w.way == chain && len(w.names)+len(w.same) == 0 && len(ways[w.as].names) == 0 {
			t.Errorf("%s: no name goes through it, or through a plugin with the same code", name)
		}
	}
	for _, name := range perclient.Straight {
		if w, ok := ways[name]; !ok || w.way != never && w.way != passes {
			t.Errorf("%s is not straight", name)
		}
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "plugin", "*", "*.go"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files of plugins, %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file))
		if strings.HasSuffix(file, "_test.go") || ways[name].way == chain {
			continue
		}
		if bytes.Contains(source, []byte(`plugin/pkg/upstream"`)) {
			t.Errorf("%s resolves names inside the server", file)
		}
	}
}

// backend is the part of the clusters of kubernetes, k8s_external and etcd that leads to
// other names: the plugins' own code makes answers of it.
type backend struct {
	plugin.ServiceBackend
	next plugin.Handler
}

func setupBackend(c *caddy.Controller) error {
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler { return &backend{next: next} })
	return nil
}

var errNoName = fmt.Errorf("no name")

func (b *backend) Name() string                  { return "etcd" }
func (b *backend) IsNameError(err error) bool    { return errors.Is(err, errNoName) }
func (b *backend) Serial(request.Request) uint32 { return 1 }
func (b *backend) MinTTL(request.Request) uint32 { return 30 }
func (b *backend) target(name string) (string, error) {
	switch label, _, _ := strings.Cut(name, "."); label {
	case "hello", "nowhere":
		return label + ".demo.fn.example.org", nil
	case "secret":
		return "secret.blue.fn.example.org", nil
	}
	return "", errNoName
}

func (b *backend) Services(_ context.Context, state request.Request, _ bool, _ plugin.Options) ([]msg.Service, error) {
	target, err := b.target(state.Name())
	return []msg.Service{{Host: target, Port: 80, TTL: 60}}, err
}

func (b *backend) Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error) {
	return upstream.New().Lookup(ctx, state, name, typ)
}

// nameOfServer is the name that is queried to find out which server answers.
const nameOfServer = "server.etcd.test."

var (
	asked    atomic.Pointer[dnsserver.Server]
	starting sync.Mutex // one at a time: asked belongs to it, and so do variables of caddy
)

// ServeDNS is a reduced version of etcd's.
func (b *backend) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Question[0].Name == nameOfServer {
		s, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
		asked.Store(s)
	}
	state := request.Request{W: w, Req: r}
	const zone = "etcd.test."
	if plugin.Zones([]string{zone}).Matches(state.Name()) == "" {
		return plugin.NextOrFailure(b.Name(), b.next, ctx, w, r)
	}
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	var err error
	switch state.QType() {
	case dns.TypeA:
		m.Answer, m.Truncated, err = plugin.A(ctx, b, zone, state, nil, plugin.Options{})
	case dns.TypeAAAA:
		m.Answer, m.Truncated, err = plugin.AAAA(ctx, b, zone, state, nil, plugin.Options{})
	case dns.TypeSRV:
		m.Answer, m.Extra, err = plugin.SRV(ctx, b, zone, state, plugin.Options{})
	default:
		m.Answer, err = plugin.CNAME(ctx, b, zone, state, plugin.Options{})
	}
	switch {
	case err != nil:
		return plugin.BackendError(ctx, b, zone, dns.RcodeNameError, state, nil, plugin.Options{})
	case len(m.Answer) == 0:
		return plugin.BackendError(ctx, b, zone, dns.RcodeSuccess, state, nil, plugin.Options{})
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

const soa = "@ 300 SOA ns1 hostmaster 7 60 60 60 60\n@ 300 NS ns1\nns1 300 A 192.0.2.53\n"

// zones are the zones of the plugins that read files.
var zones = map[string]string{
	"db.file.test": "$ORIGIN file.test.\n" + soa + `www 300 CNAME hello.demo.fn.example.org.
two 300 CNAME www.auto.test.
three 300 CNAME two.auto.test.
intra 300 CNAME secret.blue.fn.example.org.
gone 300 CNAME nothere.demo.fn.example.org.
six 300 CNAME six.demo.fn.example.org.
*.w 300 CNAME hello.demo.fn.example.org.
d 300 DNAME demo.fn.example.org.
_http._tcp 300 CNAME _http._tcp.hello.demo.fn.example.org.
cname 300 CNAME old.invalid.
garden 300 A 192.0.2.99
hidden 300 A 192.0.2.99
`,
	"auto/db.auto.test":    "$ORIGIN auto.test.\n" + soa + "garden 300 CNAME garden.file.test.\nwww 300 CNAME hello.demo.fn.example.org.\ntwo 300 CNAME hello.t.test.\nintra 300 CNAME secret.blue.fn.example.org.\n",
	"db.secondary.test":    "$ORIGIN secondary.test.\n" + soa + "www 300 CNAME hello.demo.fn.example.org.\nintra 300 CNAME secret.blue.fn.example.org.\n",
	"db.path.test":         "$ORIGIN path.test.\n" + soa + "x.b 300 CNAME hello.demo.fn.example.org.\n",
	"db.policy.test":       "$ORIGIN policy.test.\n" + soa + "garden.file.test 300 CNAME hello.demo.fn.example.org.\nhidden.file.test 300 CNAME secret.blue.fn.example.org.\n",
	"resolv.conf":          "search a.path.test b.path.test\n",
	"manifests/three.yaml": fixture.ThreeWith(functions...),
	"locations.csv":        "10.2.0.0/16,us\n10.3.0.0/16,de\n127.0.2.0/24,us\n127.0.3.0/24,de\n",
}

var functions = []fixture.Function{
	{Name: "hello", Annotations: fixture.Unprobed("nearcast.dev/port", "http=80", "nearcast.dev/alpn", "h2"), Clusters: fixture.ThreeNames},
	{Name: "six", Annotations: fixture.Unprobed("nearcast.dev/address", "us-azure=2001:db8::c000:202,de-wide=2001:db8::c000:204,mk-core=2001:db8::c000:201"), Clusters: fixture.ThreeNames},
	{Namespace: "blue", Name: "secret", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/access", "private", "nearcast.dev/port", "http=80")},
}

// The blocks of the layouts: where functions are answered, and where everything else is.
const (
	steering = `nearcast fn.example.org {
		cluster mk-core
		manifests DIR/manifests
		locations DIR/locations.csv
		tenant blue 127.0.1.0/24
		ns ns1.fn.example.org 198.51.100.53
	}
`
	translating = `dns64 {
		allow_ipv4
	}
	siit {
		ipv6_prefix 2001:db8::/96
	}
`
	others = `rewrite name suffix .r.test. .demo.fn.example.org. answer auto
	rewrite name suffix .rb.test. .blue.fn.example.org. answer auto
	rewrite cname exact old.invalid. hello.demo.fn.example.org.
	autopath path.test DIR/resolv.conf
	rpz {
		zone policy.test {
			file DIR/db.policy.test
		}
	}
	template ANY ANY t.test {
		match "^(?P<n>[^.]*)[.]t[.]test[.]$"
		answer "{{ .Name }} 60 IN CNAME {{ .Group.n }}.demo.fn.example.org."
	}
	file DIR/db.file.test file.test
	file DIR/db.path.test path.test
	secondary secondary.test {
		transfer from PRIMARY
	}
	etcd
`
	automatic = `auto {
		directory DIR/auto
		reload 0
	}
`
	bind = "bind LOOPBACK\n"
)

// layouts are the ways in which caches and functions can be arranged.
var layouts = map[string]string{
	"one block":               ".:0 {\n" + bind + "CACHE\n" + translating + steering + others + automatic + "}\n",
	"cache outside":           ".:0 {\n" + bind + "CACHE\n" + translating + others + automatic + "}\nfn.example.org:0 {\n" + bind + translating + steering + "}\n",
	"cache in all of three":   ".:0 {\n" + bind + "CACHE\n" + others + "}\nfn.example.org:0 {\n" + bind + translating + "CACHE\n" + steering + "}\nauto.test:0 {\n" + bind + "CACHE\n" + automatic + "}\n",
	"cache at the first hop":  ".:0 {\n" + bind + "CACHE\nminimal\nloadbalance\nmetadata\n" + others + "}\nfn.example.org:0 {\n" + bind + steering + "}\nauto.test:0 {\n" + bind + automatic + "}\n",
	"cache at the second hop": ".:0 {\n" + bind + others + "}\nfn.example.org:0 {\n" + bind + strings.Replace(steering, "cluster", "fallthrough\n\t\tcluster", 1) + "}\nauto.test:0 {\n" + bind + "CACHE\n" + automatic + "}\n",
}

// caches are settings of cache; the first is none.
var caches = map[string]string{
	"default":        "cache",
	"long":           "cache 300 {\nsuccess 9984 3600 60\ndenial 9984 1800 60\n}",
	"kept":           "cache {\nkeepttl\n}",
	"prefetch":       "cache {\nsuccess 9984 1 0\ndenial 9984 1 0\nprefetch 1 1m 90%\n}",
	"stale":          "cache {\nsuccess 9984 1 0\ndenial 9984 1 0\nserve_stale 1h\nprefetch 1 1m 90%\n}",
	"stale verified": "cache {\nsuccess 9984 1 0\ndenial 9984 1 0\nserve_stale 1h verify\n}",
	"stale in time":  "cache {\nsuccess 9984 1 0\ndenial 9984 1 0\nserve_stale 1h verify 2s\nserve_stale_policy prefer_positive\n}",
}

// asker is a client: its address and the subnet in its query.
type asker struct{ source, subnet string }

var askers = []asker{{"127.0.9.1", "10.2.0.0/24"}, {"127.0.9.1", "10.3.0.0/24"}, {"127.0.2.1", ""}, {"127.0.3.1", ""}, {"127.0.1.1", ""}}

// server is a CoreDNS under test. It is queried without sockets, which would take most of
// the time.
type server struct {
	t    *testing.T
	addr string
	*dnsserver.Server
}

func serve(t *testing.T, corefile string, values ...string) *server {
	t.Helper()
	text := strings.NewReplacer(values...).Replace(corefile)
	starting.Lock()
	defer starting.Unlock()
	instance, err := coredns.Start(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s := &server{t: t, addr: instance.Servers()[0].LocalAddr().String()}
	warm := func() {
		if _, _, err := (&dns.Client{Timeout: time.Minute}).Exchange(new(dns.Msg).SetQuestion(nameOfServer, dns.TypeA), s.addr); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		warm() // a server that never served cannot be stopped
		if err := coredns.Stop(instance); err != nil {
			t.Error(err)
		}
	})
	warm()
	s.Server = asked.Load()
	return s
}

// asking is the writer of a query.
type asking struct {
	dns.ResponseWriter
	source string
	reply  *dns.Msg
}

func (a *asking) RemoteAddr() net.Addr { return &net.UDPAddr{IP: net.ParseIP(a.source), Port: 5300} }
func (a *asking) LocalAddr() net.Addr  { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }

// WriteMsg keeps what the client would read.
func (a *asking) WriteMsg(m *dns.Msg) error {
	if a.reply != nil {
		return fmt.Errorf("a second reply: %s", m)
	}
	data, err := m.Pack()
	a.reply = new(dns.Msg)
	return errors.Join(err, a.reply.Unpack(data))
}

func (s *server) ask(who asker, name string, qtype uint16, bits bool) *dns.Msg {
	s.t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.CheckingDisabled = bits
	m.SetEdns0(1232, bits)
	if who.subnet != "" {
		p := netip.MustParsePrefix(who.subnet)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()})
	}
	w := &asking{source: who.source}
	ctx := context.WithValue(context.WithValue(s.t.Context(), dnsserver.Key{}, s.Server), dnsserver.LoopKey{}, 0) // as CoreDNS calls it
	s.ServeDNS(ctx, w, m)
	if w.reply == nil {
		s.t.Fatalf("%s %s of %v: no reply", name, dns.Type(qtype), who)
	}
	return w.reply
}

// substance is the content of a reply without its TTLs.
func substance(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		var lines []string
		for _, rr := range section {
			rr.Header().Ttl = 0
			lines = append(lines, strings.ToLower(strings.Join(strings.Fields(rr.String()), " ")))
		}
		slices.Sort(lines)
		parts = append(parts, strings.Join(lines, ", "))
	}
	scope := "no subnet"
	if subnet := client.Subnet(m); subnet != nil {
		scope = fmt.Sprintf("%s/%d/%d", subnet.Address, subnet.SourceNetmask, subnet.SourceScope)
	}
	return strings.Join(append(parts, scope), " | ")
}

var types = []struct {
	qtype uint16
	bits  bool
}{{dns.TypeA, false}, {dns.TypeA, true}, {dns.TypeAAAA, true}, {dns.TypeHTTPS, false}, {dns.TypeSRV, true}, {dns.TypeMX, false}}

// tested returns the names of all ways in a layout.
func tested(layout string) (names []string) {
	for _, w := range ways {
		names = append(names, w.names...)
		if layout == "one block" {
			names = append(names, w.same...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestNoCacheGivesAClientTheAnswerOfAnother compares, for all ways, layouts and settings,
// what each client gets in turn with what it gets without a cache.
func TestNoCacheGivesAClientTheAnswerOfAnother(t *testing.T) {
	dir := t.TempDir()
	for name, text := range zones {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		fixture.Write(t, filepath.Join(dir, name), text)
	}
	host := fixture.AnotherLoopback()
	port := fmt.Sprint(fixture.FreePort(t, host)) // one port for UDP and TCP
	serve(t, ".:"+port+" {\nbind "+host+"\netcd\nfile DIR/db.secondary.test secondary.test\ntransfer secondary.test {\nto *\n}\n}", "DIR", dir)
	for layout, text := range layouts {
		t.Run(layout, func(t *testing.T) {
			if testing.Short() && layout != "one block" {
				t.Skip("the other layouts take seconds")
			}
			t.Parallel()
			names := tested(layout)
			values := []string{"DIR", dir, "PRIMARY", net.JoinHostPort(host, port)}
			start := func(setting string) *server {
				s := serve(t, text, append([]string{"CACHE", setting}, values...)...)
				s.await("www.secondary.test.", "ns1.auto.test.")
				return s
			}
			bare := start("")
			without, differ := map[string]string{}, map[string]bool{}
			for _, name := range names {
				for _, q := range types {
					for _, who := range askers {
						key := fmt.Sprint(name, q, who)
						without[key] = substance(bare.ask(who, name, q.qtype, q.bits))
						differ[name] = differ[name] || without[key] != without[fmt.Sprint(name, q, askers[0])]
					}
				}
			}
			for _, name := range names {
				if !differ[name] && !strings.HasPrefix(name, "no") && !strings.HasPrefix(name, "gone") {
					t.Errorf("%s: all clients get the same without a cache: %s", name, without[fmt.Sprint(name, types[0], askers[0])])
				}
			}
			running := map[string]*server{}
			for label, setting := range caches {
				running[label] = start(setting)
			}
			for round := range 2 {
				if round > 0 {
					time.Sleep(1100 * time.Millisecond) // an entry kept for a second is stale
				}
				for label, s := range running {
					s.compare(names, without, fmt.Sprintf("cache %s, round %d", label, round))
				}
			}
		})
	}
}

// compare sends every query once for each client, and once again.
func (s *server) compare(names []string, without map[string]string, label string) {
	for _, name := range names {
		for _, q := range types {
			for turn := range 2 * len(askers) {
				who := askers[turn%len(askers)]
				if got, want := substance(s.ask(who, name, q.qtype, q.bits)), without[fmt.Sprint(name, q, who)]; got != want {
					s.t.Errorf("%s: %s %s %v of %v\n got %s\nwant %s", label, name, dns.Type(q.qtype), q.bits, who, got, want)
					return
				}
			}
		}
	}
}

// await waits until the zones are loaded.
func (s *server) await(names ...string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		loaded := !slices.ContainsFunc(names, func(name string) bool { return s.ask(askers[4], name, dns.TypeA, true).Rcode != dns.RcodeSuccess })
		if loaded {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("zones not loaded: %v", names)
		}
	}
}
