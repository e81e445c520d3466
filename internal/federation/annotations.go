package federation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/intern"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// AnnotationPrefix begins every key that Nearcast reads.
const AnnotationPrefix = "nearcast.dev/"

// The annotations that Nearcast reads. Any other key under the prefix is taken for a typo
// and refused by name.
const (
	KeyHostname    = AnnotationPrefix + "hostname"
	KeyWorkload    = AnnotationPrefix + "workload"
	KeyPolicy      = AnnotationPrefix + "policy"
	KeyWeights     = AnnotationPrefix + "weights"
	KeyProbe       = AnnotationPrefix + "probe"
	KeyTTL         = AnnotationPrefix + "ttl"
	KeyVIP         = AnnotationPrefix + "vip"
	KeyAccess      = AnnotationPrefix + "access"
	KeyAddress     = AnnotationPrefix + "address"
	KeyCoordinates = AnnotationPrefix + "coordinates"
	KeyDrain       = AnnotationPrefix + "drain" // on a Cluster: moves traffic away from it, at every site
	KeyCost        = AnnotationPrefix + "cost"
	KeyPort        = AnnotationPrefix + "port"
	KeyALPN        = AnnotationPrefix + "alpn"
	KeyTXT         = AnnotationPrefix + "txt"
	KeyExpect      = AnnotationPrefix + "expect"
)

// maxTTL is the maximum of RFC 2181, section 8.
const maxTTL = 1<<31 - 1

// maxCost keeps sums and comparisons of costs exact.
const maxCost = 1e9

// maxValue bounds an annotation's text: every site spends time on reading what a tenant
// writes, and Kubernetes itself allows 256 KiB.
const maxValue = 8 << 10

// IsAnnotation reports whether the key belongs to Nearcast.
func IsAnnotation(key string) bool { return strings.HasPrefix(key, AnnotationPrefix) }

// IsLikeAnnotation reports whether the key belongs to Nearcast if its case is ignored.
func IsLikeAnnotation(key string) bool {
	n := len(AnnotationPrefix)
	return len(key) > n && strings.EqualFold(key[:n], AnnotationPrefix)
}

// IsMisplaced reports whether a key in a place that Nearcast does not read was meant for
// it: the label of functions, or a known annotation, in any case. Other keys are labels by
// which Nearcast's own manifests select.
func IsMisplaced(key string) bool {
	key = strings.ToLower(key)
	return key == FunctionLabel || IsAnnotation(key) && IsKnownAnnotation(key)
}

// IsKnownAnnotation reports whether the key is an annotation of a function or of a Cluster.
func IsKnownAnnotation(key string) bool {
	_, _, function := findParser(key, templateParsers)
	_, _, cluster := findParser(key, clusterParsers)
	return function == nil || cluster == nil
}

// OwnAnnotations returns the annotations that belong to Nearcast, with their Below from
// below, which may be nil. It returns nil if there are none.
func OwnAnnotations(all map[string]string, below map[string]int) Annotations {
	var own Annotations
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if IsAnnotation(key) {
			own = append(own, Annotation{intern.String(key), all[key], below[key]})
		}
	}
	return slices.Clip(own)
}

// annotationParser sets one domain value from an annotation's text. The suffix is what
// follows the key after a dot; for addresses it is a horizon.
type annotationParser[T any] struct {
	key    string
	dotted bool // accepts a ".suffix"
	set    func(t *T, suffix, value string) error
}

// parseAnnotations applies the parsers to every annotation of m and returns the faults of
// the bad ones.
func parseAnnotations[T any](m *Meta, t *T, parsers []annotationParser[T]) []Fault {
	var faults []Fault
	more := 0
	for _, a := range m.Annotations {
		p, suffix, err := findParser(a.Key, parsers)
		if err == nil {
			value := strings.TrimSpace(a.Value)
			switch {
			case value == "":
				err = fmt.Errorf("is empty; give a value or remove the annotation")
			case len(value) > maxValue:
				err = fmt.Errorf("is %d bytes long; the most is %d", len(value), maxValue)
			default:
				err = p.set(t, suffix, value)
			}
		}
		switch {
		case err == nil:
		case len(faults) == MostOfObject:
			more++
		default:
			faults = append(faults, m.Fault(a.Key, "%v", err))
		}
	}
	if more > 0 {
		faults = append(faults, m.Fault("", "has %d more bad annotations than the %d that are listed", more, MostOfObject))
	}
	return faults
}

func findParser[T any](key string, parsers []annotationParser[T]) (annotationParser[T], string, error) {
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
	if near := nearestWord(key, known); near != "" {
		return annotationParser[T]{}, "", fmt.Errorf("unknown annotation; did you mean %s?", near)
	}
	for i, key := range known {
		known[i] = strings.TrimPrefix(key, AnnotationPrefix) // without the prefix, so that all keys fit into a reason
	}
	return annotationParser[T]{}, "", fmt.Errorf("unknown annotation; known are %s", strings.Join(known, ", "))
}

var templateParsers = []annotationParser[Template]{
	{key: KeyHostname, set: func(t *Template, _, v string) (err error) {
		t.Hostnames, t.Unfit, err = parseHostnames(v)
		return err
	}},
	{key: KeyWorkload, set: func(t *Template, _, v string) (err error) {
		t.Workload, err = parseWorkload(v, t.Namespace)
		return err
	}},
	{key: KeyPolicy, set: func(t *Template, _, v string) (err error) {
		t.Policy, err = policy.Parse(v)
		return err
	}},
	{key: KeyWeights, set: func(t *Template, _, v string) (err error) {
		t.Weights, err = parseWeights(v)
		return err
	}},
	{key: KeyProbe, set: func(t *Template, _, v string) (err error) {
		t.Probe, err = parseProbe(v)
		return err
	}},
	{key: KeyExpect, set: func(t *Template, _, v string) (err error) {
		t.Expect, err = parseExpect(v)
		return err
	}},
	{key: KeyPort, set: func(t *Template, _, v string) (err error) {
		t.Ports, err = parsePorts(v)
		return err
	}},
	{key: KeyALPN, set: func(t *Template, _, v string) (err error) {
		t.ALPN, err = parseALPN(v)
		return err
	}},
	{key: KeyTXT, set: func(t *Template, _, v string) (err error) {
		t.Texts, err = parseTexts(v)
		return err
	}},
	{key: KeyTTL, set: func(t *Template, _, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 || n > maxTTL {
			return fmt.Errorf("%q is not a number of seconds from 1 to %d", v, maxTTL)
		}
		t.TTL = time.Duration(n) * time.Second
		return nil
	}},
	{key: KeyVIP, set: func(t *Template, _, v string) (err error) {
		t.VIPs, err = parseAddrs(v)
		return err
	}},
	{key: KeyAccess, set: func(t *Template, _, v string) error {
		if v != "public" && v != "private" {
			return fmt.Errorf("%q is neither public nor private", v)
		}
		t.Private = v == "private"
		return nil
	}},
	{key: KeyAddress, dotted: true, set: func(t *Template, horizon, v string) error {
		fixed, byGateway, err := parseFixed(v)
		if err != nil {
			return err
		}
		if horizon != "" && len(byGateway) > 0 {
			return fmt.Errorf("gateway is for %s; in a horizon a cluster's gateway is used where the function has no address", KeyAddress)
		}
		if len(fixed) > 0 && t.Fixed == nil {
			t.Fixed = map[string]map[string]Endpoint{}
		}
		if len(fixed) > 0 {
			t.Fixed[horizon] = fixed
		}
		t.ByGateway = append(t.ByGateway, byGateway...)
		return nil
	}},
}

// ParseTemplate parses t's annotations into its fields.
func ParseTemplate(t *Template) []Fault {
	t.Annotated = &Annotated{OwnPorts: t.Annotations.Find(KeyPort).Key != ""}
	return parseAnnotations(&t.Meta, t, templateParsers)
}

var clusterParsers = []annotationParser[Cluster]{
	{key: KeyAddress, dotted: true, set: func(c *Cluster, horizon, v string) error {
		e, err := parseEndpoint(v)
		if err != nil {
			return err
		}
		e.Gateway = true
		if c.Gateways == nil {
			c.Gateways = map[string]Endpoint{}
		}
		c.Gateways[horizon] = e
		return nil
	}},
	{key: KeyCoordinates, set: func(c *Cluster, _, v string) (err error) {
		c.Coordinates, err = ParseCoordinates(v)
		return err
	}},
	{key: KeyCost, set: func(c *Cluster, _, v string) error {
		cost, err := strconv.ParseFloat(v, 64)
		if err != nil || !(cost >= 0 && cost <= maxCost) {
			return fmt.Errorf("%q is not a relative price from 0 to %g", v, float64(maxCost))
		}
		c.Cost = &cost
		return nil
	}},
	{key: KeyDrain, set: func(c *Cluster, _, v string) error {
		drain, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		if drain && c.Leaving == "" {
			c.Leaving = "drained by annotation"
		}
		return nil
	}},
}

// ParseCluster parses c's annotations into its fields. It drops annotations with a fault;
// the others count.
func ParseCluster(c *Cluster) []Fault {
	faults := parseAnnotations(&c.Meta, c, clusterParsers)
	if len(faults) > 0 {
		c.Annotations = slices.DeleteFunc(slices.Clone(c.Annotations), func(a Annotation) bool {
			return slices.ContainsFunc(faults, func(f Fault) bool { return f.Key == a.Key })
		})
	}
	return faults
}
