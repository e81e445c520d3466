package federation

import (
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

// KindName returns the reference in the syntax of nearcast.dev/workload.
func (r Ref) KindName() string { return r.Kind + "/" + r.Name }

// Compare sorts references by namespace, name, kind and group.
func (r Ref) Compare(o Ref) int {
	if c := strings.Compare(r.Namespace, o.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(r.Name, o.Name); c != 0 {
		return c
	}
	if c := strings.Compare(r.Kind, o.Kind); c != 0 {
		return c
	}
	return strings.Compare(r.Group, o.Group)
}

// Object is what a source stages: a Cluster, Template, Backend, Workload, Binding or
// MultiClusterService.
type Object interface {
	meta() *Meta
	ref() Ref
}

func (m *Meta) meta() *Meta { return m }

func (m *Meta) ref() Ref { return m.Ref() }

// MetaOf returns the Meta of the object: a copy if the object is a Binding.
func MetaOf(o Object) *Meta { return o.meta() }

// RefOf returns the reference of the object.
func RefOf(o Object) Ref { return o.ref() }

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
func (m *Meta) Identity() Identity { return Identity{m.Ref(), m.UID.String()} }

// Meta is common to all objects. There are several for each function, so it is kept small. Make it
// with NewMeta.
type Meta struct {
	// Common is never nil. Other objects may share it; see Share.
	*Common
	Name string
	UID  UID
	// Created is when the object was created, in Unix seconds; 0 if that is not known.
	Created int64
	// Annotations contains only those of nearcast.dev and may be shared with other
	// objects; nil if there are none.
	Annotations Annotations
	// Line is that of Origin.
	Line int32
}

// Common is what many objects have in common.
type Common struct {
	Group, Kind, Namespace string
	// File is that of Origin.
	File string
}

// NewMeta returns the Meta of an object without an origin.
func NewMeta(ref Ref) Meta { return MetaAt(ref, Origin{}) }

// MetaAt returns the Meta of an object that was read at the origin.
func MetaAt(ref Ref, origin Origin) Meta {
	return Meta{
		Common: &Common{ref.Group, ref.Kind, ref.Namespace, origin.File},
		Name:   ref.Name, Line: int32(origin.Line), //nolint:gosec // a line of a file
	}
}

// Ref returns the reference of the object.
func (m *Meta) Ref() Ref { return Ref{m.Group, m.Kind, m.Namespace, m.Name} }

// Origin returns where the object was read.
func (m *Meta) Origin() Origin { return Origin{m.File, int(m.Line)} }

// String returns the object's reference, as messages show it.
func (m *Meta) String() string { return m.Ref().String() }

// Compare sorts objects by their references.
func (m *Meta) Compare(o Ref) int { return m.Ref().Compare(o) }

// Annotation is one annotation of an object.
type Annotation struct {
	Key, Value string
	// Below is the number of lines from the object's first line to the annotation in its
	// file; 0 if the object came over an API.
	Below int `json:",omitempty"`
}

// Annotations are sorted by key. An object has few of them, and there may be a hundred
// thousand objects: maps would take five times as much memory.
type Annotations []Annotation

// Find returns the annotation with the key, or the zero Annotation.
func (a Annotations) Find(key string) Annotation {
	i, found := slices.BinarySearchFunc(a, key, func(a Annotation, key string) int { return strings.Compare(a.Key, key) })
	if !found {
		return Annotation{}
	}
	return a[i]
}

// Template declares a function: a Service or Ingress with the label
// nearcast.dev/function.
type Template struct {
	Meta
	// Selector is the Service's selector; empty for an Ingress, which has Backends.
	Selector Labels
	// Service is set by annotation.Parse if it is not. Other templates may share it.
	*Service
	// Annotated is set by annotation.Parse. Other templates may share it.
	*Annotated `json:"-"`
}

// Service is what a template's Service or Ingress itself says of how it is reached.
type Service struct {
	// TCPPort is the first TCP port of the Service, or 0 if it has none; of an Ingress it is
	// 443 if it has TLS, else 80.
	TCPPort uint16 `json:",omitempty"`
	// Numbers are the port numbers of the Service's first MostServicePorts TCP ports.
	Numbers []PortNumbers `json:",omitempty"`
	// Ports are the ports of the Service, or the annotated ones.
	Ports []Port `json:",omitempty"`
	// Balanced is set for an Ingress and for a Service of type LoadBalancer, which are
	// reached at their own address and not at a cluster's gateway.
	Balanced bool `json:",omitempty"`
	// Announced is set for a Service of the speaker's load balancer class: its only
	// address is a VIP, and in a single cluster it is reached at the gateway.
	Announced bool `json:",omitempty"`
	// Hosts are the hosts of an Ingress's rules, canonical: names of the function beside the
	// annotated ones.
	Hosts []string `json:",omitempty"`
	// Backends are the Services, in the same namespace, to which an Ingress sends calls.
	Backends []string `json:",omitempty"`
}

// Backend is a Service that declares no function: it may be behind an Ingress that does.
type Backend struct {
	Meta
	Selector Labels
}

// Bounds of a Template, whose author may write what Kubernetes accepts.
const (
	// MostServicePorts bounds the Service's ports whose numbers it holds.
	MostServicePorts = 32
	// MostHostnames bounds the annotated names, and the hosts of an Ingress. MostLabels bounds
	// the labels of all of them: each name above them exists because of them.
	MostHostnames = 64
	MostLabels    = 1024
	// MostBackends bounds the Services behind an Ingress.
	MostBackends = 32
)

// Annotated holds the parsed annotations of a template.
type Annotated struct {
	// OwnPorts is set if the annotation port, readable or not, is present.
	OwnPorts bool
	ALPN     []string
	Texts    []string
	// Private is set by the annotation access.
	Private bool

	// Hostnames are the annotated names, canonical; empty means the default name.
	Hostnames []string
	// Unfit holds, for each annotated name that is not a valid hostname, the reason.
	Unfit []string
	// Workload is the annotated workload; its Kind is "" if the annotation is absent.
	Workload Ref
	Policy   *policy.Rule
	// WhenDown is the annotated one; the Policy may have another.
	WhenDown *policy.WhenDown
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

// Workload is a Deployment, StatefulSet or DaemonSet, which a Service's selector may match.
type Workload struct {
	Meta
	PodLabels Labels
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
