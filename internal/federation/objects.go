package federation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// FunctionLabel marks the Services and Ingresses that declare a function.
const FunctionLabel = "nearcast.dev/function"

// Ref names one object. It has no version: an object read through two versions of its API
// group is one object.
type Ref struct {
	Group, Kind, Namespace, Name string `json:",omitempty"`
}

// String returns kind, namespace and name, as messages show them. In a file they may
// contain anything.
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

// Origin says where an object was read.
type Origin struct {
	// File is "" for an object that came over an API.
	File string
	// Line is where the object starts, from 1.
	Line int
}

// Identity identifies one object for its lifetime.
type Identity struct {
	Ref
	UID string
}

// Identity returns the identity of the object.
func (m *Meta) Identity() Identity { return Identity{m.Ref, m.UID} }

// Meta is common to all objects.
type Meta struct {
	Ref
	UID     string    `json:",omitempty"`
	Created time.Time `json:",omitzero"`
	// Labels contains only FunctionLabel and may be shared with other objects; nil if
	// there is none.
	Labels map[string]string `json:",omitempty"`
	// Annotations contains only those of nearcast.dev and may be shared with other
	// objects; nil if there are none.
	Annotations Annotations `json:",omitempty"`
	Origin      Origin      `json:",omitzero"`
}

// Fault says which input was refused, and why.
type Fault struct {
	// Warning is set if nothing was refused: the input is valid, but may not do what its
	// author expects.
	Warning bool
	File    string
	Line    int
	Object  string
	// Namespace is the object's namespace. It is set in the faults of a State.
	Namespace string
	// Template identifies the object that gets an Event: the one that declares the
	// function with the fault, or the one that is not read.
	Template Identity
	Key      string
	// Reason is shortened and escaped by package brief if it may contain text of others.
	Reason string
}

// Error returns "file:line: object: key: reason", without the parts that are not known.
// The author of the file controls all of them, so they are escaped.
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

// Severity returns the fault's name in the log: refused, or ignored for a Warning.
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

// fault returns a Fault of the object m at the annotation key ("" means the object
// itself).
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
	// Selector is the Service's selector; empty for an Ingress.
	Selector map[string]string `json:",omitempty"`
	// TCPPort is the first TCP port of the Service (443 for an Ingress); 0 if it has none.
	TCPPort uint16 `json:",omitempty"`
	// Numbers are the port numbers of the Service's first MostServicePorts TCP ports.
	// Other templates may share it.
	Numbers []PortNumbers `json:",omitempty"`
	// Ports are the ports of the Service, or the annotated ones.
	Ports []Port `json:",omitempty"`
	// Balanced is set for an Ingress and for a Service of type LoadBalancer, which are
	// reached at their own address and not at a cluster's gateway.
	Balanced bool `json:",omitempty"`
	// Announced is set for a Service of the speaker's load balancer class: its only
	// address is a VIP, and in a single cluster it is reached at the gateway.
	Announced bool `json:",omitempty"`
	// Annotated is set by ParseTemplate. Other templates may share it.
	*Annotated `json:"-"`
}

// MostServicePorts bounds the Service's ports whose numbers a Template holds.
const MostServicePorts = 32

// Annotated holds the parsed annotations of a template.
type Annotated struct {
	ALPN  []string
	Texts []string
	// Private is set by the annotation access.
	Private bool

	// Hostnames are the annotated names, canonical; empty means the default name.
	Hostnames []string
	// Unfit holds, for each annotated name that is not a valid hostname, the reason.
	Unfit []string
	// Workload is the annotated workload; its Kind is "" if the annotation is absent.
	Workload Ref
	Policy   *policy.Rule
	Weights  []Weight
	// Probe is nil if the template uses the default.
	Probe  *ProbeSpec
	Expect Expect
	TTL    time.Duration
	VIPs   []netip.Addr
	// Fixed are the annotated addresses by horizon, then by cluster.
	Fixed map[string]map[string]Endpoint
	// ByGateway lists the clusters for which the annotation sets the cluster's gateway as
	// address; AnyCluster stands for all clusters.
	ByGateway []string
}

// AnyCluster stands for every cluster in Annotated.ByGateway.
const AnyCluster = "*"

// byGateway reports whether the function is reached at the cluster's gateway: because its
// annotation says so, or because it has no load balancer there.
func (t *Template) byGateway(cluster string, seen Observed) bool {
	if slices.Contains(t.ByGateway, cluster) || slices.Contains(t.ByGateway, AnyCluster) {
		return true
	}
	return (!t.Balanced || t.Announced) && !seen.Balanced()
}

// ProbeSpec is a parsed nearcast.dev/probe.
type ProbeSpec struct {
	Kind ProbeKind
	// Port is 0 to use the endpoint's port or that of the scheme.
	Port uint16
	// Host is "" to use the function's first hostname.
	Host string
	Path string
}

// Workload is a Deployment, StatefulSet or DaemonSet, which a Service's selector may match.
type Workload struct {
	Meta
	PodLabels map[string]string
	// RuntimeClass is that of the pods; "" for the default.
	RuntimeClass string
}

// MultiClusterService is Karmada's object: it exposes the Service with its name from some
// of the clusters that run it.
type MultiClusterService struct {
	Meta
	// Providers are the clusters that have backends; empty means all.
	Providers []string
}
