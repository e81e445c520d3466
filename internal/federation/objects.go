package federation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/brief"
	"github.com/nearcast/nearcast/internal/policy"
)

// FunctionLabel marks the Services and Ingresses that declare a function.
const FunctionLabel = "nearcast.dev/function"

// Ref names one object. It carries no version: an object read through two
// versions of its group is one object.
type Ref struct {
	Group, Kind, Namespace, Name string `json:",omitempty"`
}

// String returns kind, namespace and name, as messages show it. In a file they may be
// anything.
func (r Ref) String() string {
	if r.Namespace == "" {
		return brief.Escape(r.Kind + " " + r.Name)
	}
	return brief.Escape(r.Kind + " " + r.Namespace + "/" + r.Name)
}

func (r Ref) compare(o Ref) int {
	for _, c := range [...]int{
		strings.Compare(r.Namespace, o.Namespace), strings.Compare(r.Name, o.Name),
		strings.Compare(r.Kind, o.Kind), strings.Compare(r.Group, o.Group),
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}

// Origin is where an object was read.
type Origin struct {
	// File is "" for an object that came over an API.
	File string
	// Line is where the object starts, from 1.
	Line int
}

// Identity names one object for as long as it lives.
type Identity struct {
	Ref
	UID string
}

// Identity returns the object's.
func (m *Meta) Identity() Identity { return Identity{m.Ref, m.UID} }

// Meta is what every object carries.
type Meta struct {
	Ref
	UID     string    `json:",omitempty"`
	Created time.Time `json:",omitzero"`
	// Labels has FunctionLabel alone, and may be other objects' too; nil for none.
	Labels map[string]string `json:",omitempty"`
	// Annotations are those of nearcast.dev alone, and may be other objects' too; nil
	// for none.
	Annotations Annotations `json:",omitempty"`
	Origin      Origin      `json:",omitzero"`
}

// Fault is one input that was refused, and why.
type Fault struct {
	// Warning is set where nothing was refused: the input is good, and does not do what
	// its author may expect.
	Warning bool
	File    string
	Line    int
	Object  string
	// Namespace is the object's, of a State's faults.
	Namespace string
	// Template is the object's that is to be given an Event: what declares the function
	// that the fault is of, or what is not read.
	Template Identity
	Key      string
	// Reason is made by package brief where it may have what others wrote in it.
	Reason string
}

// Error returns "file:line: object: key: reason", leaving out what is not known. Whoever
// wrote the file chose all of them, so that they are escaped.
func (f Fault) Error() string {
	s := f.Reason
	if f.Key != "" {
		s = f.Key + ": " + s
	}
	if f.Object != "" {
		s = f.Object + ": " + s
	}
	switch {
	case f.File != "" && f.Line > 0:
		s = fmt.Sprintf("%s:%d: %s", f.File, f.Line, s)
	case f.File != "":
		s = f.File + ": " + s
	}
	return brief.Escape(s)
}

// Severity returns what the log calls the fault: refused, or ignored for a Warning.
func (f Fault) Severity() string {
	if f.Warning {
		return "ignored"
	}
	return "refused"
}

// Ignored returns a warning that the object's key is not read, and why.
func (m *Meta) Ignored(key, why string) Fault {
	f := m.fault(key, "%s", why)
	f.Warning, f.Template = true, m.Identity()
	return f
}

// fault returns a Fault of the object m at the annotation key ("" for the object itself).
func (m *Meta) fault(key, format string, args ...any) Fault {
	f := Fault{File: m.Origin.File, Line: m.Origin.Line + m.Annotations.find(key).Below, Object: m.String(), Key: key, Reason: brief.Text(fmt.Sprintf(format, args...))}
	if m.Labels[FunctionLabel] == "true" {
		f.Template = m.Identity()
	}
	return f
}

// Template declares a function: a Service or Ingress with the label
// nearcast.dev/function.
type Template struct {
	Meta
	// Selector is the Service's; empty for an Ingress.
	Selector map[string]string `json:",omitempty"`
	// TCPPort is the first TCP port of the Service (443 for an Ingress); 0 if it has none.
	TCPPort uint16 `json:",omitempty"`
	// Numbers are those of the Service's ports over TCP, of its first MostServicePorts. It
	// may be other templates' too.
	Numbers []PortNumbers `json:",omitempty"`
	// Ports are the Service's, or those annotated.
	Ports []Port `json:",omitempty"`
	// Balanced is set for an Ingress and for a Service of type LoadBalancer, which are
	// reached at an address of their own and not at a cluster's gateway.
	Balanced bool `json:",omitempty"`
	// Announced is set for a Service of the speaker's load balancer class: its only
	// address is a VIP, and what a cluster alone has is its gateway.
	Announced bool `json:",omitempty"`
	// Annotated is set by ParseTemplate. It may be other templates' too.
	*Annotated `json:"-"`
}

// MostServicePorts bounds how many of a Service's ports a Template has numbers of.
const MostServicePorts = 32

// Annotated is what a template's annotations say.
type Annotated struct {
	ALPN  []string
	Texts []string
	// Private is set by the annotation access.
	Private bool

	// Hostnames are the annotated names, canonical; empty means the default name.
	Hostnames []string
	// Unfit says of each other of them why it is no hostname.
	Unfit []string
	// Workload is the annotated workload; its Kind is "" where the annotation is absent.
	Workload Ref
	Policy   *policy.Rule
	Weights  []Weight
	// Probe is nil where the template leaves it to the default.
	Probe  *ProbeSpec
	Expect Expect
	TTL    time.Duration
	VIPs   []netip.Addr
	// Fixed are the annotated addresses by horizon, then by cluster.
	Fixed map[string]map[string]Endpoint
	// ByGateway are the clusters whose gateway is the annotated address; AnyCluster
	// stands for all.
	ByGateway []string
}

// AnyCluster stands for every cluster in Annotated.ByGateway.
const AnyCluster = "*"

// byGateway reports whether the function is reached at the cluster's gateway: by its
// annotation, or because it has no load balancer there.
func (t *Template) byGateway(cluster string, seen Observed) bool {
	if slices.Contains(t.ByGateway, cluster) || slices.Contains(t.ByGateway, AnyCluster) {
		return true
	}
	return (!t.Balanced || t.Announced) && !seen.Balanced()
}

// ProbeSpec is a parsed nearcast.dev/probe.
type ProbeSpec struct {
	Kind ProbeKind
	// Port is 0 where the endpoint's or the scheme's applies.
	Port uint16
	// Host is "" where the function's first hostname applies.
	Host string
	Path string
}

// Workload is a Deployment, StatefulSet or DaemonSet, kept for what a Service's selector matches.
type Workload struct {
	Meta
	PodLabels map[string]string
	// RuntimeClass is the pods'; "" for the default.
	RuntimeClass string
}

// MultiClusterService is Karmada's: it exposes the Service of its name from some
// of the clusters that have it.
type MultiClusterService struct {
	Meta
	// Providers are the clusters that have backends; none means all.
	Providers []string
}
