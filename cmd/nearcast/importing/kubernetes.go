package importing

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"go.yaml.in/yaml/v3"
)

// manifest reads the objects of a file, also in lists.
func (i *importer) manifest(path, text string) error {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		i.object(path, fromYAML(&document, ""))
	}
}

// object reads an object.
func (i *importer) object(path string, n *node) {
	kind := n.get("kind").take()
	group, _, _ := strings.Cut(n.get("apiVersion").take(), "/")
	// The API server writes these.
	for _, key := range []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink"} {
		n.get("metadata", key).use()
	}
	n.get("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration").use()
	n.get("status").use()
	switch {
	case strings.HasSuffix(kind, "List") && n.get("items") != nil:
		n.get("metadata").use()
		for _, item := range n.get("items").all() {
			i.object(path, item)
		}
		return
	case kind == "Gslb" && (group == "k8gb.absa.oss" || group == "k8gb.io"):
		i.gslb(path, n)
	case kind == "DNSEndpoint" && group == "externaldns.k8s.io":
		n.get("metadata", "name").use()
		n.get("metadata", "namespace").use()
		for _, e := range n.get("spec", "endpoints").all() {
			i.endpoint(path, e)
		}
	default:
		n.use()
		i.left(path, n.line, fmt.Sprintf("%s %s", kind, n.get("metadata", "name").take()), "only Gslb and DNSEndpoint objects are imported")
	}
	i.trees = append(i.trees, tree{path, n})
}

// gslb makes an Ingress of a Gslb, which has one in itself. If it refers to an object, the list says what to write on
// that.
func (i *importer) gslb(path string, n *node) {
	o := Object{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Metadata: Metadata{
		Name: n.get("metadata", "name").take(), Namespace: n.get("metadata", "namespace").take(), Labels: function(), Annotations: i.strategy(path, n.get("spec", "strategy")),
	}}
	if o.Metadata.Namespace == "" {
		o.Metadata.Namespace = i.o.Namespace
	}
	if ingress := n.get("spec", "ingress"); ingress.get("rules") != nil {
		ingress.use()
		o.Spec, _ = ingress.value().(map[string]any)
		i.Objects = append(i.Objects, o)
		i.oldBackends(path, ingress)
		return
	}
	ref := n.get("spec", "resourceRef")
	what := ref.get("kind").take() + " " + ref.get("name").take()
	ref.get("apiVersion").use()
	if ref.get("name") == nil {
		what = "the object that spec.resourceRef selects"
	}
	set := "nearcast.dev/function=true"
	why := "label it " + set
	for _, key := range slices.Sorted(maps.Keys(o.Metadata.Annotations)) {
		why += ", annotate it " + key + "=" + o.Metadata.Annotations[key]
	}
	i.left(path, n.line, "Gslb "+o.Metadata.Namespace+"/"+o.Metadata.Name, "%s is not in this object: %s", what, why)
}

// oldBackends lists backends in the form that Kubernetes 1.22 removed.
func (i *importer) oldBackends(path string, ingress *node) {
	for _, rule := range ingress.get("rules").all() {
		for _, p := range rule.get("http", "paths").all() {
			if old := p.get("backend", "serviceName"); old != nil {
				i.left(path, old.line, old.path, "networking.k8s.io/v1 has backend.service.name and backend.service.port.number: change it in the file that was written")
			}
		}
	}
}

// strategy returns the annotations that say what a Gslb's strategy says.
func (i *importer) strategy(path string, n *node) map[string]string {
	all := map[string]string{}
	if ttl := n.get("dnsTtlSeconds").take(); ttl != "" {
		all["nearcast.dev/ttl"] = ttl
	}
	weights := i.geoWeights(path, n.get("weight"))
	switch kind := n.get("type"); {
	case strings.EqualFold(kind.take(), "roundRobin") && weights != "":
		all["nearcast.dev/policy"], all["nearcast.dev/weights"] = "weighted", weights
	case strings.EqualFold(kind.take(), "roundRobin"):
		all["nearcast.dev/policy"] = "spread"
	case strings.EqualFold(kind.take(), "failover"):
		all["nearcast.dev/policy"] = "failover"
		if tag := n.get("primaryGeoTag").take(); tag != "" {
			all["nearcast.dev/weights"] = i.cluster(tag) + "=1"
		}
	case strings.EqualFold(kind.take(), "geoip"):
		all["nearcast.dev/policy"] = "nearest"
	case kind != nil:
		i.left(path, kind.line, kind.path, "the strategy %s is not known; the policy of the zone applies", kind.text)
	}
	if split := n.get("splitBrainThresholdSeconds"); split != nil {
		split.use()
		i.left(path, split.line, split.path, "not needed: sites do not ask each other who is alive, but probe every placement")
	}
	return all
}

// geoWeights returns the weights of clusters; "" if there are none.
func (i *importer) geoWeights(path string, n *node) string {
	var all []string
	if n == nil {
		return ""
	}
	for _, tag := range n.keys {
		text := strings.TrimSuffix(strings.ReplaceAll(n.hash[tag].take(), " ", ""), "%")
		if _, err := strconv.ParseUint(text, 10, 16); err != nil {
			i.left(path, n.hash[tag].line, n.hash[tag].path, "%q is not a percentage", n.hash[tag].text)
			continue
		}
		all = append(all, i.cluster(tag)+"="+text)
	}
	return strings.Join(all, ",")
}

// endpoint makes records of an endpoint of external-dns.
func (i *importer) endpoint(path string, n *node) {
	name, kind, ttl := n.get("dnsName").take(), n.get("recordType").take(), n.get("recordTTL").take()
	if ttl == "" || ttl == "0" {
		ttl = defaultTTL
	}
	targets := n.get("targets").all()
	if kind == "" && len(targets) > 0 {
		kind = suits(targets[0].text)
	}
	n.get("setIdentifier").use()
	if set := n.get("setIdentifier"); set != nil && set.text != "" {
		i.left(path, set.line, name+" "+kind, "the routing policy of the set %s is the provider's: its targets are answered beside those of other sets; declare a function to steer clients", set.text)
	}
	for _, p := range n.get("providerSpecific").all() {
		i.left(path, p.line, name+" "+kind, "%s=%s is for the provider", p.get("name").take(), p.get("value").take())
	}
	for at, target := range targets {
		text := target.take()
		if kind == "CNAME" && at > 0 {
			i.left(path, target.line, name+" CNAME "+text, "a name has one CNAME (RFC 2181, section 10.1)")
			continue
		}
		i.record(path, target.line, strings.Join([]string{dns.Fqdn(name), ttl, "IN", kind, data(kind, text)}, " "))
	}
}

// defaultTTL is what most providers of external-dns use.
const defaultTTL = "300"

// suits returns the type that external-dns takes for a target.
func suits(target string) string {
	switch {
	case !isAddress(target):
		return "CNAME"
	case strings.Contains(target, ":"):
		return "AAAA"
	}
	return "A"
}

// data returns a target as a master file has it: names are absolute, and text is quoted.
func data(kind, target string) string {
	switch kind {
	case "CNAME", "NS", "PTR", "MX", "SRV", "NAPTR":
		return dns.Fqdn(target)
	case "TXT":
		if !strings.HasPrefix(target, `"`) {
			return quoted(target)
		}
	}
	return target
}

// maxString is the longest string of a TXT record.
const maxString = 255

// quoted returns the text as strings of a TXT record.
func quoted(text string) string {
	var all []string
	for ; len(text) > maxString; text = text[maxString:] {
		all = append(all, text[:maxString])
	}
	all = append(all, text)
	for at, s := range all {
		all[at] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return strings.Join(all, " ")
}
