package federation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/policy"
)

// AnnotationPrefix is that of all keys that Nearcast reads.
const AnnotationPrefix = "nearcast.dev/"

// DrainAnnotation on a Cluster moves traffic away from it, at every site.
const DrainAnnotation = annotationPrefix + "drain"

// The annotations that Nearcast reads. Anything else under the prefix is a typo
// and refused by name.
const (
	annotationPrefix = AnnotationPrefix

	keyHostname    = annotationPrefix + "hostname"
	keyWorkload    = annotationPrefix + "workload"
	keyPolicy      = annotationPrefix + "policy"
	keyWeights     = annotationPrefix + "weights"
	keyProbe       = annotationPrefix + "probe"
	keyTTL         = annotationPrefix + "ttl"
	keyVIP         = annotationPrefix + "vip"
	keyAccess      = annotationPrefix + "access"
	keyAddress     = annotationPrefix + "address"
	keyCoordinates = annotationPrefix + "coordinates"
	keyDrain       = DrainAnnotation
	keyCost        = annotationPrefix + "cost"
	keyPort        = annotationPrefix + "port"
	keyALPN        = annotationPrefix + "alpn"
	keyTXT         = annotationPrefix + "txt"
	keyExpect      = annotationPrefix + "expect"
)

// maxTTL is what RFC 2181, section 8 allows.
const maxTTL = 1<<31 - 1

// maxCost keeps sums and comparisons of costs exact.
const maxCost = 1e9

// maxValue bounds an annotation's text: what a tenant writes costs every site the
// time to read it, and Kubernetes itself allows 256 KiB.
const maxValue = 8 << 10

// Annotation is one of an object's.
type Annotation struct {
	Key, Value string
	// Below is how many lines below the object's first its file has it; 0 if it came
	// over an API.
	Below int `json:",omitempty"`
}

// Annotations are sorted by key. An object has few of them, and there may be a hundred
// thousand objects: in a map each would take five times as much.
type Annotations []Annotation

// IsAnnotation reports whether the key belongs to Nearcast.
func IsAnnotation(key string) bool { return strings.HasPrefix(key, annotationPrefix) }

// IsLikeAnnotation reports whether the key belongs to Nearcast, or would but for its case.
func IsLikeAnnotation(key string) bool {
	n := len(annotationPrefix)
	return len(key) > n && strings.EqualFold(key[:n], annotationPrefix)
}

// IsMisplaced reports whether a key that stands where Nearcast does not look was meant for
// it: the label of functions, or an annotation that it knows, in any case. Others are
// labels by which Nearcast's own manifests select.
func IsMisplaced(key string) bool {
	key = strings.ToLower(key)
	return key == FunctionLabel || IsAnnotation(key) && IsKnownAnnotation(key)
}

// IsKnownAnnotation reports whether an annotation of a function or of a Cluster has the key.
func IsKnownAnnotation(key string) bool {
	_, _, function := findParser(key, templateParsers)
	_, _, cluster := findParser(key, clusterParsers)
	return function == nil || cluster == nil
}

// OwnAnnotations returns those of all that belong to Nearcast, with their Below, which may
// be nil; nil for none.
func OwnAnnotations(all map[string]string, below map[string]int) Annotations {
	var own Annotations
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if IsAnnotation(key) {
			own = append(own, Annotation{common(key), all[key], below[key]})
		}
	}
	return slices.Clip(own)
}

// find returns the annotation of the key; the zero Annotation where there is none.
func (a Annotations) find(key string) Annotation {
	i, found := slices.BinarySearchFunc(a, key, func(a Annotation, key string) int { return strings.Compare(a.Key, key) })
	if !found {
		return Annotation{}
	}
	return a[i]
}

// annotationParser sets one domain value from an annotation's text. The suffix
// is what follows the key's name after a dot: a horizon, for addresses.
type annotationParser[T any] struct {
	key    string
	dotted bool // accepts a ".suffix"
	set    func(t *T, suffix, value string) error
}

// parseAnnotations applies the parsers to every annotation of m, and returns the
// faults of those that are bad.
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
			faults = append(faults, m.fault(a.Key, "%v", err))
		}
	}
	if more > 0 {
		faults = append(faults, m.fault("", "has %d more bad annotations than the %d that are listed", more, MostOfObject))
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
		known[i] = strings.TrimPrefix(key, annotationPrefix) // or a reason has no room for all
	}
	return annotationParser[T]{}, "", fmt.Errorf("unknown annotation; known are %s", strings.Join(known, ", "))
}

var templateParsers = []annotationParser[Template]{
	{key: keyHostname, set: func(t *Template, _, v string) (err error) {
		t.Hostnames, t.Unfit, err = parseHostnames(v)
		return err
	}},
	{key: keyWorkload, set: func(t *Template, _, v string) (err error) {
		t.Workload, err = parseWorkload(v, t.Namespace)
		return err
	}},
	{key: keyPolicy, set: func(t *Template, _, v string) (err error) {
		t.Policy, err = policy.Parse(v)
		return err
	}},
	{key: keyWeights, set: func(t *Template, _, v string) (err error) {
		t.Weights, err = parseWeights(v)
		return err
	}},
	{key: keyProbe, set: func(t *Template, _, v string) (err error) {
		t.Probe, err = parseProbe(v)
		return err
	}},
	{key: keyExpect, set: func(t *Template, _, v string) (err error) {
		t.Expect, err = parseExpect(v)
		return err
	}},
	{key: keyPort, set: func(t *Template, _, v string) (err error) {
		t.Ports, err = parsePorts(v)
		return err
	}},
	{key: keyALPN, set: func(t *Template, _, v string) (err error) {
		t.ALPN, err = parseALPN(v)
		return err
	}},
	{key: keyTXT, set: func(t *Template, _, v string) (err error) {
		t.Texts, err = parseTexts(v)
		return err
	}},
	{key: keyTTL, set: func(t *Template, _, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 || n > maxTTL {
			return fmt.Errorf("%q is not a number of seconds from 1 to %d", v, maxTTL)
		}
		t.TTL = time.Duration(n) * time.Second
		return nil
	}},
	{key: keyVIP, set: func(t *Template, _, v string) (err error) {
		t.VIPs, err = parseAddrs(v)
		return err
	}},
	{key: keyAccess, set: func(t *Template, _, v string) error {
		if v != "public" && v != "private" {
			return fmt.Errorf("%q is neither public nor private", v)
		}
		t.Private = v == "private"
		return nil
	}},
	{key: keyAddress, dotted: true, set: func(t *Template, horizon, v string) error {
		fixed, byGateway, err := parseFixed(v)
		if err != nil {
			return err
		}
		if horizon != "" && len(byGateway) > 0 {
			return fmt.Errorf("gateway is for %s; in a horizon a cluster's gateway is used where the function has no address", keyAddress)
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

// ParseTemplate fills in what t's annotations say.
func ParseTemplate(t *Template) []Fault {
	t.Annotated = &Annotated{}
	return parseAnnotations(&t.Meta, t, templateParsers)
}

var clusterParsers = []annotationParser[Cluster]{
	{key: keyAddress, dotted: true, set: func(c *Cluster, horizon, v string) error {
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
	{key: keyCoordinates, set: func(c *Cluster, _, v string) (err error) {
		c.Coordinates, err = ParseCoordinates(v)
		return err
	}},
	{key: keyCost, set: func(c *Cluster, _, v string) error {
		cost, err := strconv.ParseFloat(v, 64)
		if err != nil || !(cost >= 0 && cost <= maxCost) {
			return fmt.Errorf("%q is not a relative price from 0 to %g", v, float64(maxCost))
		}
		c.Cost = &cost
		return nil
	}},
	{key: keyDrain, set: func(c *Cluster, _, v string) error {
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

// ParseCluster fills in what c's annotations say. It drops those that have a fault:
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
