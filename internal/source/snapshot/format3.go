package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Format 3 has one line of JSON for each item, and a line with the checksum of everything
// before it. It is only read.

// item is one line: exactly one of its fields is set.
type item struct {
	Times    *times
	Cluster  *cluster3
	Template *template3
	Workload *workload3
	Binding  *binding3
	Exposure *exposure3
	Verdict  *verdict
	Lookup   *lookup
}

// checksum is the last line.
const (
	checksum     = "sha256 %x\n"
	checksumSize = len("sha256 \n") + 2*sha256.Size
)

// read3 reads a file of format 3 twice: it trusts nothing before the checksum is verified.
func read3(f io.ReadSeeker) (Contents, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Contents{}, err
	}
	size -= int64(checksumSize)
	if err := verify(f, size); err != nil {
		return Contents{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Contents{}, err
	}
	items := bufio.NewReader(io.LimitReader(f, size))
	if _, err := items.ReadString('\n'); err != nil { // the first line is known
		return Contents{}, err
	}
	return readItems(json.NewDecoder(items))
}

// verify reads size bytes from the start, and the checksum after them.
func verify(f io.ReadSeeker, size int64) error {
	if size < 0 {
		return damaged("it ends before its checksum")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, size); err != nil {
		return err
	}
	last, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if string(last) != fmt.Sprintf(checksum, sum.Sum(nil)) {
		return damaged("checksum mismatch")
	}
	return nil
}

func readItems(items *json.Decoder) (Contents, error) {
	c := empty()
	for {
		var i item
		if err := items.Decode(&i); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Contents{}, err
		}
		if err := c.take(i); err != nil {
			return Contents{}, err
		}
	}
	for _, o := range c.Objects {
		federation.Share(o)
	}
	return c, nil
}

// take adds the item. It parses annotations again, because the file holds them and not
// their parsed form. It leaves out an object that this version refuses, and nothing else.
func (c *Contents) take(i item) error {
	switch {
	case i.Times != nil:
		c.Saved, c.Confirmed = i.Times.Saved, i.Times.Confirmed
	case i.Cluster != nil:
		if i.Cluster.Ready > federation.ReadyUnknown {
			return damaged("%s has the readiness %d", i.Cluster.meta3.ref(), i.Cluster.Ready)
		}
		o := &i.Cluster.Cluster
		o.Meta = i.Cluster.meta()
		o.Gateways, o.Coordinates, o.Cost = nil, nil, nil // parsed again
		c.Refused = append(c.Refused, annotation.Parse(o)...)
		c.Objects = append(c.Objects, o)
	case i.Template != nil:
		o := &i.Template.Template
		o.Meta = i.Template.meta()
		faults := annotation.Parse(o)
		portsOf(o)
		if c.Refused = append(c.Refused, faults...); len(faults) == 0 {
			c.Objects = append(c.Objects, o)
		}
	case i.Workload != nil:
		o := &i.Workload.Workload
		o.Meta = i.Workload.meta()
		c.Objects = append(c.Objects, o)
	case i.Binding != nil:
		b, err := i.Binding.binding()
		if err != nil {
			return err
		}
		c.Objects = append(c.Objects, b)
	case i.Exposure != nil:
		o := &i.Exposure.MultiClusterService
		o.Meta = i.Exposure.meta()
		c.Objects = append(c.Objects, o)
	case i.Verdict != nil:
		v := i.Verdict.Verdict
		if v.State > health.Down {
			return damaged("%s has the state %d", i.Verdict.Target, v.State)
		}
		v.Stale, v.Reason = true, brief.Text(v.Reason) // an older version stored it in full
		c.Verdicts[i.Verdict.Target] = v
	case i.Lookup != nil:
		if !sound(i.Lookup.Endpoint) {
			return damaged("the addresses of %s are of the wrong family", brief.Text(i.Lookup.Name))
		}
		c.Lookups[i.Lookup.Name] = i.Lookup.Endpoint
	}
	return nil
}

// meta3 is a federation.Meta as the format has it. Of the types below, whose Meta it stands for, a
// decoder sees its fields alone: they are less deep.
type meta3 struct {
	Group, Kind, Namespace, Name, UID string

	Created     time.Time
	Annotations federation.Annotations
	Origin      federation.Origin
}

type (
	cluster3 struct {
		meta3
		federation.Cluster
	}
	template3 struct {
		meta3
		federation.Template
	}
	workload3 struct {
		meta3
		federation.Workload
	}
	exposure3 struct {
		meta3
		federation.MultiClusterService
	}
)

func (m *meta3) ref() federation.Ref {
	return federation.Ref{Group: m.Group, Kind: m.Kind, Namespace: m.Namespace, Name: m.Name}
}

func (m *meta3) meta() federation.Meta {
	meta := federation.MetaAt(m.ref(), m.Origin)
	meta.UID, meta.Annotations = federation.UIDOf(m.UID), m.Annotations
	if !m.Created.IsZero() {
		meta.Created = m.Created.Unix()
	}
	return meta
}

// binding3 is a binding as the format has it.
type binding3 struct {
	meta3
	Resource federation.Ref
	Members  []struct {
		Cluster  string
		Placed   bool
		Replicas int32
		Seen     *federation.Observed
	}
	Evictions   []federation.Eviction
	Unscheduled string
}

func (b *binding3) binding() (*federation.Binding, error) {
	made := federation.NewBinding(b.meta(), b.Resource)
	made.Evictions, made.Unscheduled = b.Evictions, brief.Text(b.Unscheduled)
	for _, m := range b.Members {
		if m.Placed {
			made.Place(m.Cluster, m.Replicas)
		}
		if m.Seen == nil {
			continue
		}
		if m.Seen.Health > federation.Unhealthy || !sound(m.Seen.LoadBalancer) {
			return nil, damaged("%s has a health or an address that does not exist", b.ref())
		}
		made.Observe(m.Cluster, *m.Seen)
	}
	return made, nil
}

// sound reports whether the addresses are of the family as which they are listed.
func sound(e federation.Endpoint) bool {
	return !slices.ContainsFunc(e.V4, func(a netip.Addr) bool { return !a.Is4() }) && !slices.ContainsFunc(e.V6, func(a netip.Addr) bool { return !isSix(a) })
}

// portsOf gives a Service from an older version, which has no port numbers, the ports on
// which it was probed: it cannot be seen whether they are its own, so probing continues.
func portsOf(t *federation.Template) {
	if t.Kind != "Service" || t.TCPPort == 0 || len(t.Numbers) > 0 {
		return
	}
	add := func(port uint16) {
		if n := (federation.PortNumbers{Port: port}); port != 0 && !slices.Contains(t.Numbers, n) {
			t.Numbers = append(t.Numbers, n)
		}
	}
	add(t.TCPPort)
	if t.Probe != nil {
		add(t.Probe.Port)
	}
	for _, byCluster := range t.Fixed {
		for _, e := range byCluster {
			add(e.Port)
		}
	}
}
