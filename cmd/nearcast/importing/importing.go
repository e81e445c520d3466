// Package importing turns what k8gb, external-dns and gdnsd are configured with into a file of records and the Services
// of functions. What it does not carry over it lists: every value of its input is either used or named.
package importing

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// Options are choices that the input does not make.
type Options struct {
	// Zone is the name of zones in files whose names do not say it; "" if they do.
	Zone string
	// Namespace is that of Services whose source has none.
	Namespace string
	// Clusters are Karmada's names for what the input calls geo tags, datacenters and addresses; the others keep theirs.
	Clusters map[string]string
}

// Result is what was carried over, and what was not.
type Result struct {
	// Records are in the text form of RFC 1035, section 5.
	Records []string `json:"records"`
	// Objects are Services and Ingresses.
	Objects []Object `json:"objects"`
	Left    []Left   `json:"left"`
	// Clusters are the names that must be those of Clusters.
	Clusters []string `json:"clusters"`
}

// Object is a Kubernetes object.
type Object struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   Metadata       `json:"metadata"`
	Spec       map[string]any `json:"spec"`
}

// Metadata is that of an Object.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Left is something that was not carried over.
type Left struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// String returns "file:line: what: why".
func (l Left) String() string {
	at := l.File
	if l.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, l.Line)
	}
	return at + ": " + l.What + ": " + l.Why
}

// maxSize bounds a file, in octets.
const maxSize = 64 << 20

// Import reads the files. A file that cannot be read, or has a syntax error, is an error.
func Import(paths []string, o Options) (*Result, error) {
	i := &importer{o: o, Result: &Result{Records: []string{}, Objects: []Object{}, Left: []Left{}}}
	for _, path := range paths {
		data, err := regular.Read(path, maxSize)
		if err != nil {
			return nil, err
		}
		if err := i.file(path, string(data)); err != nil {
			return nil, err
		}
	}
	i.dynamic()
	for _, t := range i.trees {
		i.unread(t.file, t.node)
	}
	slices.SortStableFunc(i.Left, func(a, b Left) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	slices.Sort(i.Clusters)
	i.Clusters = slices.Compact(i.Clusters)
	return i.Result, nil
}

// importer collects a Result.
type importer struct {
	o Options
	*Result
	// trees are what was read, to find what was not used.
	trees []tree
	// gdnsd is the configuration of gdnsd; nil if there is none.
	gdnsd *tree
	// asked are the names that gdnsd's plugins answer.
	asked []dynamic
}

// tree is a file's content.
type tree struct {
	file string
	node *node
}

var (
	isManifest = regexp.MustCompile(`(?m)^[\s{-]*"?(apiVersion|kind)"?\s*:`)
	isGdnsd    = regexp.MustCompile(`(?m)^\s*"?(options|plugins|service_types)"?\s*=>?\s*[{$]`)
)

// file reads a file, whose content says what it is.
func (i *importer) file(path, text string) error {
	switch {
	case isManifest.MatchString(text):
		return i.manifest(path, text)
	case isGdnsd.MatchString(text):
		root, err := parseVSCF(path, text)
		if err != nil {
			return err
		}
		if i.gdnsd != nil {
			return fmt.Errorf("%s: is a second configuration of gdnsd, after %s: import them one after the other", path, i.gdnsd.file)
		}
		i.gdnsd = &tree{path, root}
		i.trees = append(i.trees, *i.gdnsd)
		return nil
	}
	return i.zone(path, text)
}

func (i *importer) left(file string, line int, what, why string, args ...any) {
	l := Left{file, line, what, fmt.Sprintf(why, args...)}
	if !slices.Contains(i.Left, l) {
		i.Left = append(i.Left, l)
	}
}

// unread lists the values that nothing used.
func (i *importer) unread(file string, n *node) {
	for _, leaf := range n.unread() {
		key := leaf.path[strings.LastIndexByte(leaf.path, '.')+1:]
		if strings.Contains(leaf.path, ".map.") {
			key = "map" // of places
		}
		i.left(file, leaf.line, leaf.path, "%s", cmp.Or(reasons[key], "has no counterpart here"))
	}
}

// timing is where the Corefile says what servers say for each check.
const timing = "the key `probe` of the Corefile times all probes"

// reasons say what to do about values, by their last key.
var reasons = map[string]string{
	"listen":        "write it after `bind` in the Corefile",
	"geoip2_db":     "name the database after `geoip` in the Corefile",
	"nets":          "write the networks to the file of `locations`",
	"map":           "clients are sent to the nearest cluster; write other regions for them to the file of `locations`",
	"interval":      timing,
	"timeout":       timing,
	"up_thresh":     "all addresses of a cluster are answered while the cluster is up",
	"ok_thresh":     timing,
	"down_thresh":   timing,
	"service_types": "a function has one probe: that of the first service type",
	"vhost":         "the probe has the function's own name, because a function may not ask for another's",
}

// record adds a record, or lists it if it is not valid.
func (i *importer) record(file string, line int, text string) {
	rr, err := dns.NewRR(text)
	if err != nil || rr == nil {
		i.left(file, line, text, "is not a valid record: %v", err)
		return
	}
	text = strings.ReplaceAll(rr.String(), "\t", " ")
	if !slices.Contains(i.Records, text) {
		i.Records = append(i.Records, text)
	}
}

// cluster returns Karmada's name for a datacenter.
func (i *importer) cluster(name string) string {
	if mapped, ok := i.o.Clusters[name]; ok {
		name = mapped
	}
	i.Clusters = append(i.Clusters, name)
	return name
}

// function returns the labels of an object that declares a function.
func function() map[string]string { return map[string]string{"nearcast.dev/function": "true"} }

// isAddress reports whether the text is an IP address.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// zoneName returns the name of the zone in a file: gdnsd's files have it as their names.
func (i *importer) zoneName(path string) string {
	if i.o.Zone != "" {
		return dns.CanonicalName(i.o.Zone)
	}
	name := strings.TrimSuffix(filepath.Base(path), ".zone")
	return dns.CanonicalName(strings.ReplaceAll(name, "@", "/"))
}
