// Package annotation is the grammar of what people write on objects: the annotations of
// Nearcast, their keys and values. It parses them into the fields of templates and clusters,
// and names each bad one. It is pure, and bounds what it takes: tenants write the text.
package annotation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/intern"
	"github.com/nearcast/nearcast/internal/base/typo"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// Prefix begins every key that Nearcast reads.
const Prefix = "nearcast.dev/"

// The annotations that Nearcast reads. Any other key under the prefix is taken for a typo
// and refused by name.
const (
	Hostname    = Prefix + "hostname"
	Workload    = Prefix + "workload"
	Policy      = Prefix + "policy"
	WhenDown    = Prefix + "when-down"
	Weights     = Prefix + "weights"
	Probe       = Prefix + "probe"
	TTL         = Prefix + "ttl"
	VIP         = Prefix + "vip"
	Access      = Prefix + "access"
	Address     = Prefix + "address"
	Coordinates = Prefix + "coordinates"
	Drain       = Prefix + "drain" // on a Cluster: moves traffic away from it, at every site
	Cost        = Prefix + "cost"
	Port        = Prefix + "port"
	ALPN        = Prefix + "alpn"
	TXT         = Prefix + "txt"
	Expect      = Prefix + "expect"
)

// maxTTL is the maximum of RFC 2181, section 8.
const maxTTL = 1<<31 - 1

// maxCost keeps sums and comparisons of costs exact.
const maxCost = 1e9

// maxValue bounds an annotation's text: every site spends time on reading what a tenant
// writes, and Kubernetes itself allows 256 KiB.
const maxValue = 8 << 10

// IsOurs reports whether the key belongs to Nearcast.
func IsOurs(key string) bool { return strings.HasPrefix(key, Prefix) }

// IsLike reports whether the key belongs to Nearcast if its case is ignored.
func IsLike(key string) bool {
	n := len(Prefix)
	return len(key) > n && strings.EqualFold(key[:n], Prefix)
}

// IsMisplaced reports whether a key in a place that Nearcast does not read was meant for
// it: the label of functions, or a known annotation, in any case. Other keys are labels by
// which Nearcast's own manifests select.
func IsMisplaced(key string) bool {
	key = strings.ToLower(key)
	return key == federation.FunctionLabel || IsOurs(key) && IsKnown(key)
}

// IsKnown reports whether the key is an annotation of a function or of a Cluster.
func IsKnown(key string) bool {
	_, _, function := findParser(key, templateParsers)
	_, _, cluster := findParser(key, clusterParsers)
	return function == nil || cluster == nil
}

// Own returns the annotations that belong to Nearcast, with their Below from
// below, which may be nil. It returns nil if there are none.
func Own(all map[string]string, below map[string]int) federation.Annotations {
	var own federation.Annotations
	for key, value := range all {
		if IsOurs(key) {
			own = append(own, federation.Annotation{Key: intern.String(key), Value: value, Below: below[key]})
		}
	}
	slices.SortFunc(own, func(a, b federation.Annotation) int { return strings.Compare(a.Key, b.Key) })
	return slices.Clip(own)
}

// parser sets one domain value from an annotation's text. The suffix is what
// follows the key after a dot; for addresses it is a horizon.
type parser[T any] struct {
	key    string
	dotted bool // accepts a ".suffix"
	set    func(t *T, suffix, value string) error
}

// parse applies the parsers to every annotation of m and returns the faults of
// the bad ones.
func parse[T any](m *federation.Meta, t *T, parsers []parser[T]) []federation.Fault {
	var faults []federation.Fault
	more := 0
	for _, a := range m.Annotations {
		p, suffix, err := findParser(a.Key, parsers)
		if err == nil {
			value := strings.TrimSpace(a.Value)
			switch {
			case value == "":
				err = fmt.Errorf("is empty; give a value or remove the annotation")
			case len(value) > maxValue:
				err = fmt.Errorf("is %d bytes long; the limit is %d", len(value), maxValue)
			default:
				err = p.set(t, suffix, value)
			}
		}
		switch {
		case err == nil:
		case len(faults) == federation.MostOfObject:
			more++
		default:
			faults = append(faults, m.Fault(a.Key, "%v", err))
		}
	}
	if more > 0 {
		faults = append(faults, m.Fault("", "has %d more invalid annotations; only %d are listed", more, federation.MostOfObject))
	}
	return faults
}

func findParser[T any](key string, parsers []parser[T]) (parser[T], string, error) {
	known := make([]string, 0, len(parsers))
	for _, p := range parsers {
		if key == p.key {
			return p, "", nil
		}
		if suffix, ok := strings.CutPrefix(key, p.key+"."); ok && p.dotted && suffix != "" {
			return p, suffix, nil
		}
		known = append(known, p.key)
	}
	if near := typo.Nearest(key, known); near != "" {
		return parser[T]{}, "", fmt.Errorf("unknown annotation; did you mean %s?", near)
	}
	for i, key := range known {
		known[i] = strings.TrimPrefix(key, Prefix) // without the prefix, so that all keys fit into a reason
	}
	return parser[T]{}, "", fmt.Errorf("unknown annotation; known annotations: %s", strings.Join(known, ", "))
}

var templateParsers = []parser[federation.Template]{
	{key: Hostname, set: func(t *federation.Template, _, v string) (err error) {
		t.Hostnames, t.Unfit, err = parseHostnames(v)
		return err
	}},
	{key: Workload, set: func(t *federation.Template, _, v string) (err error) {
		t.Workload, err = parseWorkload(v, t.Namespace)
		return err
	}},
	{key: Policy, set: func(t *federation.Template, _, v string) (err error) {
		t.Policy, err = policy.Parse(v)
		return err
	}},
	{key: WhenDown, set: func(t *federation.Template, _, v string) (err error) {
		t.WhenDown, err = policy.ParseWhenDown(v)
		return err
	}},
	{key: Weights, set: func(t *federation.Template, _, v string) (err error) {
		t.Weights, err = parseWeights(v)
		return err
	}},
	{key: Probe, set: func(t *federation.Template, _, v string) (err error) {
		t.Probe, err = parseProbe(v)
		return err
	}},
	{key: Expect, set: func(t *federation.Template, _, v string) (err error) {
		t.Expect, err = parseExpect(v)
		return err
	}},
	{key: Port, set: func(t *federation.Template, _, v string) (err error) {
		t.Ports, err = parsePorts(v)
		return err
	}},
	{key: ALPN, set: func(t *federation.Template, _, v string) (err error) {
		t.ALPN, err = parseALPN(v)
		return err
	}},
	{key: TXT, set: func(t *federation.Template, _, v string) (err error) {
		t.Texts, err = parseTexts(v)
		return err
	}},
	{key: TTL, set: func(t *federation.Template, _, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 || n > maxTTL {
			return fmt.Errorf("%q is not a number of seconds from 1 to %d", v, maxTTL)
		}
		t.TTL = time.Duration(n) * time.Second
		return nil
	}},
	{key: VIP, set: func(t *federation.Template, _, v string) (err error) {
		t.VIPs, err = parseAddrs(v)
		return err
	}},
	{key: Access, set: func(t *federation.Template, _, v string) error {
		if v != "public" && v != "private" {
			return fmt.Errorf("%q is neither public nor private", v)
		}
		t.Private = v == "private"
		return nil
	}},
	{key: Address, dotted: true, set: func(t *federation.Template, horizon, v string) error {
		fixed, byGateway, err := parseFixed(v)
		if err != nil {
			return err
		}
		if horizon != "" && len(byGateway) > 0 {
			return fmt.Errorf("gateway is only for %s; in a horizon, a function without an address uses the cluster's gateway", Address)
		}
		if len(fixed) > 0 && t.Fixed == nil {
			t.Fixed = map[string]map[string]federation.Endpoint{}
		}
		if len(fixed) > 0 {
			t.Fixed[horizon] = fixed
		}
		t.ByGateway = append(t.ByGateway, byGateway...)
		return nil
	}},
}

// Parse parses the annotations of a Template or Cluster into its fields, and returns the
// faults of those that it cannot read. Other objects have none.
func Parse(o federation.Object) []federation.Fault {
	switch o := o.(type) {
	case *federation.Template:
		return parseTemplate(o)
	case *federation.Cluster:
		return parseCluster(o)
	}
	return nil
}

func parseTemplate(t *federation.Template) []federation.Fault {
	if t.Service == nil {
		t.Service = &federation.Service{}
	}
	t.Annotated = &federation.Annotated{OwnPorts: t.Annotations.Find(Port).Key != ""}
	return parse(&t.Meta, t, templateParsers)
}

var clusterParsers = []parser[federation.Cluster]{
	{key: Address, dotted: true, set: func(c *federation.Cluster, horizon, v string) error {
		e, err := parseEndpoint(v)
		if err != nil {
			return err
		}
		e.Gateway = true
		if c.Gateways == nil {
			c.Gateways = map[string]federation.Endpoint{}
		}
		c.Gateways[horizon] = e
		return nil
	}},
	{key: Coordinates, set: func(c *federation.Cluster, _, v string) (err error) {
		c.Coordinates, err = federation.ParseCoordinates(v)
		return err
	}},
	{key: Cost, set: func(c *federation.Cluster, _, v string) error {
		cost, err := strconv.ParseFloat(v, 64)
		if err != nil || !(cost >= 0 && cost <= maxCost) {
			return fmt.Errorf("%q is not a relative price from 0 to %g", v, float64(maxCost))
		}
		c.Cost = &cost
		return nil
	}},
	{key: Drain, set: func(c *federation.Cluster, _, v string) error {
		if strings.HasSuffix(v, "%") {
			share, err := federation.ParseEighths(v)
			c.Shed = share
			return err
		}
		drain, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true, false nor a share such as 25%%", v)
		}
		if drain && c.Leaving == "" {
			c.Leaving = "drained by annotation"
		}
		return nil
	}},
}

// parseCluster drops annotations with a fault; the others count.
func parseCluster(c *federation.Cluster) []federation.Fault {
	faults := parse(&c.Meta, c, clusterParsers)
	if len(faults) > 0 {
		c.Annotations = slices.DeleteFunc(slices.Clone(c.Annotations), func(a federation.Annotation) bool {
			return slices.ContainsFunc(faults, func(f federation.Fault) bool { return f.Key == a.Key })
		})
	}
	return faults
}
