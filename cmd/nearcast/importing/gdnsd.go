package importing

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// resource is what a resource of gdnsd says: which places it has, at which addresses, and how to choose.
type resource struct {
	policy string
	// places are in the order of failover, and weights those of the policy weighted.
	places  []string
	address map[string][]string
	weights map[string]string
	// service is the first of its service types; "" if it has none.
	service string
}

// dynamic makes a Service of each resource that a zone asks for.
func (i *importer) dynamic() {
	done := map[string]bool{}
	for _, d := range i.asked {
		if done[d.resource] {
			continue
		}
		done[d.resource] = true
		var alike []dynamic
		for _, o := range i.asked {
			if o.resource == d.resource {
				alike = append(alike, o)
			}
		}
		i.answer(alike)
	}
}

// answer carries over the names that have one resource.
func (i *importer) answer(alike []dynamic) {
	d := alike[0]
	plugin, name, _ := strings.Cut(d.resource, "!")
	name, place, pinned := strings.Cut(name, "/")
	r, why := i.resource(plugin, name)
	switch {
	case why != "":
		for _, d := range alike {
			i.left(d.file, d.line, d.name+" DYNA "+d.resource, "%s", why)
		}
	case pinned:
		i.fixed(alike, r.address[place], "is pinned to "+place+": its addresses are answered whether they are up or not")
	case r.policy == "":
		var all []string
		for _, place := range r.places {
			all = append(all, r.address[place]...)
		}
		i.fixed(alike, all, "the addresses are not of clusters, so all are answered, whether they are up or not")
	default:
		i.service(alike, plugin+"-"+name, r)
	}
}

// fixed answers names with records, and lists what that loses.
func (i *importer) fixed(alike []dynamic, addresses []string, why string) {
	for _, d := range alike {
		for _, a := range addresses {
			i.record(d.file, d.line, fmt.Sprintf("%s %d IN %s %s", d.name, d.ttl, suits(a), a))
		}
		i.left(d.file, d.line, d.name+" DYNA "+d.resource, "%s", why)
	}
}

// plugins are those of gdnsd whose resources are read.
var plugins = []string{"geoip", "metafo", "simplefo", "weighted", "multifo", "static"}

// resource reads a resource of a plugin; why says why that is not possible.
func (i *importer) resource(plugin, name string) (r resource, why string) {
	if i.gdnsd == nil {
		return r, "the configuration of gdnsd is not among the files"
	}
	if !slices.Contains(plugins, plugin) {
		return r, "the plugin " + plugin + " of gdnsd has no counterpart here"
	}
	own := i.gdnsd.node.get("plugins", plugin)
	n := own.get(name)
	if plugin == "geoip" || plugin == "metafo" {
		n = own.get("resources", name)
	}
	if n == nil {
		return r, "the configuration of gdnsd has no such resource"
	}
	r = resource{address: map[string][]string{}, weights: map[string]string{}}
	r.service = i.serviceOf(n, own)
	switch plugin {
	case "geoip":
		r.policy = "nearest"
		i.datacenters(&r, own.get("maps", n.get("map").take()), n)
	case "metafo":
		r.policy = "failover"
		i.datacenters(&r, n, n)
	case "simplefo":
		r.policy = "failover"
		i.family(&r, n, []string{"primary", "secondary"})
	case "weighted":
		r.policy = "weighted"
		i.weighted(&r, n)
	default:
		i.family(&r, n, nil)
	}
	if len(r.places) == 0 {
		return r, "the resource has no addresses"
	}
	return r, ""
}

// serviceOf returns the first service type of the resource, or of its plugin.
func (i *importer) serviceOf(n, plugin *node) (first string) {
	types := n.get("service_types")
	if types == nil {
		types = plugin.get("service_types")
	}
	for at, t := range types.all() {
		t.read = t.read || at == 0
		if at == 0 {
			first = t.text
		}
	}
	return first
}

// datacenters reads the addresses of datacenters, in the order in which the list has them.
func (i *importer) datacenters(r *resource, list, n *node) {
	for _, dc := range list.get("datacenters").all() {
		place := dc.take()
		where := n.get("dcmap", place)
		switch {
		case where == nil:
		case where.text != "" && !isAddress(where.text):
			where.read = true
			i.left(i.gdnsd.file, where.line, where.path, "%s is not an address: a function is answered with addresses", where.text)
		default:
			i.addresses(r, place, where)
		}
	}
	if coordinates := list.get("auto_dc_coords"); coordinates != nil {
		for _, dc := range coordinates.keys {
			at := coordinates.hash[dc]
			at.use()
			var both []string
			for _, c := range at.all() {
				both = append(both, c.text)
			}
			i.left(i.gdnsd.file, at.line, at.path, "annotate the Cluster %s: nearcast.dev/coordinates=%s", i.cluster(dc), strings.Join(both, ","))
		}
	}
}

// addresses adds the addresses below a value to those of the place. All other values stay unread.
func (i *importer) addresses(r *resource, place string, n *node) {
	if isAddress(n.text) {
		n.read = true
		if !slices.Contains(r.places, place) {
			r.places = append(r.places, place)
		}
		r.address[place] = append(r.address[place], n.text)
	}
	for _, e := range n.list {
		i.addresses(r, place, e)
	}
	for _, key := range n.keys {
		i.addresses(r, place, n.hash[key])
	}
}

// family reads a resource that has labels, each with an address, for one family or in addrs_v4 and addrs_v6. Order are
// the labels that matter in their order; nil for all.
func (i *importer) family(r *resource, n *node, order []string) {
	if n.hash == nil {
		i.addresses(r, n.text, n) // plugin static, or a list
		return
	}
	for _, part := range []*node{n, n.get("addrs_v4"), n.get("addrs_v6")} {
		labels := order
		if part != nil && labels == nil {
			labels = part.keys
		}
		for _, label := range labels {
			if e := part.get(label); e != nil && isAddress(e.text) {
				i.addresses(r, label, e)
			}
		}
		if part != n && part != nil && part.list != nil {
			i.addresses(r, part.path, part)
		}
	}
}

// weighted reads labels, each with an address and its weight.
func (i *importer) weighted(r *resource, n *node) {
	for _, part := range []*node{n, n.get("addrs_v4"), n.get("addrs_v6")} {
		if part == nil {
			continue
		}
		for _, label := range part.keys {
			if pair := part.hash[label].list; len(pair) == 2 && isAddress(pair[0].text) {
				i.addresses(r, label, pair[0])
				r.weights[label] = pair[1].take()
			}
		}
	}
}

// unnameable matches what a Service's name cannot have.
var unnameable = regexp.MustCompile(`[^a-z0-9]+`)

// service declares the function of a resource.
func (i *importer) service(alike []dynamic, name string, r resource) {
	var hostnames []string
	for _, d := range alike {
		hostnames = append(hostnames, strings.TrimSuffix(d.name, "."))
		if d.apex {
			i.left(d.file, d.line, d.name, "a function has a zone's own name only with `claim %s %s` in the Corefile", i.o.Namespace, d.name)
		}
		if d.ttl != alike[0].ttl {
			i.left(d.file, d.line, d.name, "its TTL is %d, and the other names of %s have %d, which is used", d.ttl, d.resource, alike[0].ttl)
		}
	}
	annotations := map[string]string{
		"nearcast.dev/hostname": strings.Join(hostnames, ","), "nearcast.dev/ttl": fmt.Sprint(alike[0].ttl), "nearcast.dev/policy": r.policy,
	}
	var addresses, weights []string
	for at, place := range r.places {
		cluster := i.cluster(place)
		for _, a := range r.address[place] {
			addresses = append(addresses, cluster+"="+a)
		}
		switch r.policy {
		case "failover":
			weights = append(weights, fmt.Sprintf("%s=%d", cluster, at+1))
		case "weighted":
			weights = append(weights, cluster+"="+r.weights[place])
		}
	}
	annotations["nearcast.dev/address"] = strings.Join(addresses, ",")
	if len(weights) > 0 {
		annotations["nearcast.dev/weights"] = strings.Join(weights, ",")
	}
	port := i.probe(annotations, r.service, hostnames)
	i.Objects = append(i.Objects, Object{"v1", "Service", Metadata{
		Name: strings.Trim(unnameable.ReplaceAllString(strings.ToLower(name), "-"), "-"), Namespace: i.o.Namespace, Labels: function(), Annotations: annotations,
	}, map[string]any{"ports": []any{map[string]any{"port": port}}}})
}

// probe adds the probe of a service type, and returns the port of the function.
func (i *importer) probe(annotations map[string]string, service string, hostnames []string) any {
	n := i.gdnsd.node.get("service_types", service)
	port := n.get("port")
	switch n.get("plugin").take() {
	case "http_status":
		host := n.get("vhost")
		at := ""
		if host != nil && slices.Contains(hostnames, host.text) {
			at = host.take()
		}
		path := n.get("url_path").take()
		number := "80"
		if port != nil {
			number = port.take()
		}
		annotations["nearcast.dev/probe"] = "http://" + at + ":" + number + "/" + strings.TrimPrefix(path, "/")
		if codes := n.get("ok_codes").all(); len(codes) > 0 {
			annotations["nearcast.dev/expect"] = "status=" + codes[0].take()
		}
		return portOf(number)
	case "tcp_connect":
		annotations["nearcast.dev/probe"] = "tcp://:" + port.take()
		return portOf(port.text)
	}
	if service == "" || service == "up" || service == "default" {
		annotations["nearcast.dev/probe"] = "none"
	} else {
		i.left(i.gdnsd.file, n.lineOr(1), "service_types."+service, "has no counterpart here; a TCP connection is the probe")
	}
	return 80
}

func (n *node) lineOr(line int) int {
	if n == nil {
		return line
	}
	return n.line
}

// portOf returns the port as a number.
func portOf(text string) any {
	a, err := netip.ParseAddrPort("0.0.0.0:" + text)
	if err != nil {
		return text // `nearcast check` names it
	}
	return int(a.Port())
}
