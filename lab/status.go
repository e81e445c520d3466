package lab

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin"
)

// Status is the federation at one moment, as seen from outside: from queries to every resolver, and from the
// router's table.
type Status struct {
	Sites  []SiteStatus  `json:"sites"`
	Routes []RouteStatus `json:"routes"`
	// Functions are as reported by the first running resolver; none if no resolver runs.
	Functions []FunctionStatus `json:"functions"`
}

// FunctionStatus is one function.
type FunctionStatus struct {
	Name string `json:"name"`
	// Drawn is set if each answer is drawn by weight, so that answers differ although nothing has changed.
	Drawn bool `json:"drawn"`
	// Up are the clusters that can serve the function, sorted.
	Up []string `json:"up"`
}

// NoAnswer stands in SiteStatus.Answers for a resolver that did not answer in time.
const NoAnswer = "(no answer)"

// SiteStatus is one site.
type SiteStatus struct {
	Name      string `json:"name"`
	DNSPort   int    `json:"dnsPort"`
	Functions string `json:"functions"` // up, down or none
	DNS       string `json:"dns"`
	Speaker   string `json:"speaker"`
	// Answers are by function: the cluster that this site's resolver names.
	Answers map[string]string `json:"answers"`
	// VIPs are the shared addresses with their states.
	VIPs []vip.Status `json:"vips"`
}

// RouteStatus is one shared address in the router's table.
type RouteStatus struct {
	Prefix string `json:"prefix"`
	// From are the sites that announce it.
	From []string `json:"from"`
}

// askTimeout bounds one query for the status; a dead resolver refuses at once.
const askTimeout = 500 * time.Millisecond

// Status queries all resolvers and the router, concurrently.
func (l *Lab) Status(ctx context.Context) Status {
	st := Status{Sites: make([]SiteStatus, len(l.members))}
	var asking sync.WaitGroup
	for i, m := range l.members {
		asking.Go(func() { st.Sites[i] = l.siteStatus(ctx, m) })
	}
	asking.Wait()
	st.Routes = l.Routes()
	if i := slices.IndexFunc(st.Sites, func(s SiteStatus) bool { return s.DNS == "up" }); i >= 0 {
		for _, name := range Functions {
			st.Functions = append(st.Functions, l.functionStatus(ctx, st.Sites[i].Name, name))
		}
	}
	return st
}

// functionStatus is the function as reported by the site's resolver.
func (l *Lab) functionStatus(ctx context.Context, at, name string) FunctionStatus {
	f := FunctionStatus{Name: name}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var e struct {
		Policy     string
		Candidates []struct{ Cluster, Tier string }
	}
	query := url.Values{"name": {Hostname(name)}, "from": {"127.0.0.1"}}
	if admin.Call(ctx, l.paths.admin(at, "dns"), http.MethodGet, "/explain", query, &e) != nil {
		return f // it has not started to answer
	}
	f.Drawn = strings.HasPrefix(e.Policy, "weighted")
	for _, c := range e.Candidates {
		if c.Tier == "up" {
			f.Up = append(f.Up, c.Cluster)
		}
	}
	slices.Sort(f.Up)
	return f
}

func (l *Lab) siteStatus(ctx context.Context, m *member) SiteStatus {
	st := SiteStatus{Name: m.Name, DNSPort: m.DNSPort, Functions: "none", DNS: upOrDown(m.dns.Running()), Speaker: upOrDown(m.speaker.Running()), Answers: map[string]string{}}
	if m.Gateway.IsValid() {
		st.Functions = upOrDown(m.backend.running())
	}
	for _, f := range Functions {
		st.Answers[f] = ask(ctx, m.DNSPort, Hostname(f))
	}
	var speaker bgp.Status
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := admin.Call(ctx, l.paths.admin(m.Name, "speaker"), http.MethodGet, "/status", nil, &speaker); err == nil {
		st.VIPs = speaker.VIPs
	}
	return st
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// ask returns the cluster that the resolver on the port names, or in brackets
// why it names none.
func ask(ctx context.Context, port int, hostname string) string {
	client := dns.Client{Timeout: askTimeout}
	query := new(dns.Msg).SetQuestion(hostname, dns.TypeA)
	reply, _, err := client.ExchangeContext(ctx, query, fmt.Sprintf("127.0.0.1:%d", port))
	switch {
	case err != nil:
		return NoAnswer
	case reply.Rcode != dns.RcodeSuccess:
		return "(" + dns.RcodeToString[reply.Rcode] + ")"
	}
	var names []string
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			names = append(names, clusterAt(a.A.String()))
		}
	}
	if len(names) == 0 {
		return "(NODATA)"
	}
	return strings.Join(names, "+")
}

func clusterAt(addr string) string {
	for _, s := range Sites {
		if s.Gateway.IsValid() && s.Gateway.Addr().String() == addr {
			return s.Name
		}
	}
	return addr
}

// Routes returns the shared addresses in the router's table.
func (l *Lab) Routes() []RouteStatus {
	table, err := l.router.Table()
	if err != nil {
		return nil // the router is closing
	}
	var routes []RouteStatus
	for _, addr := range []netip.Addr{DNSVIP, FunctionVIP} {
		prefix := netip.PrefixFrom(addr, addr.BitLen()).String()
		r := RouteStatus{Prefix: prefix}
		for _, route := range table {
			if route.Prefix == prefix {
				r.From = append(r.From, speakerAt(route.From))
			}
		}
		routes = append(routes, r)
	}
	return routes
}

func speakerAt(addr string) string {
	for _, s := range Sites {
		if s.SpeakerAddr.String() == addr {
			return s.Name
		}
	}
	return addr
}

// handler serves `nearcast lab fail` and similar commands.
func (l *Lab) handler() http.Handler {
	mux := http.NewServeMux()
	act := func(do func(cluster, part string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			err := do(r.FormValue("cluster"), r.FormValue("part"))
			admin.Reply(w, struct{}{}, http.StatusBadRequest, err)
		}
	}
	mux.HandleFunc("POST /fail", act(l.Fail))
	mux.HandleFunc("POST /heal", act(l.Heal))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		admin.Reply(w, l.Status(r.Context()), http.StatusOK, nil)
	})
	return mux
}

// Control makes the lab that runs in dir do something: fail or heal.
func Control(ctx context.Context, dir, action, cluster, part string) error {
	query := url.Values{"cluster": {cluster}, "part": {part}}
	return admin.Call(ctx, paths{dir}.control(), http.MethodPost, "/"+action, query, nil)
}

// Ask returns the status of the lab that runs in dir.
func Ask(ctx context.Context, dir string) (st Status, err error) {
	err = admin.Call(ctx, paths{dir}.control(), http.MethodGet, "/status", nil, &st)
	return st, err
}
