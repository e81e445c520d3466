package steer

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// Drain moves traffic away from what matches, at this site only: what is drained is
// leaving, and therefore still answers if nothing else is up.
type Drain struct {
	// Kind says what the pattern matches: DrainCluster, DrainRegion or DrainFunction.
	Kind DrainKind `json:"kind"`
	// Pattern is a glob of path.Match. Functions are matched as namespace/name.
	Pattern string `json:"pattern"`
	// Share is the share of the clients that are moved away; 0 for all, which leave it as a drained
	// cluster is left.
	Share federation.Eighths `json:"share,omitempty"`
	// Until is when the drain ends; the zero time if it never does.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// DrainKind is the kind of thing that a Drain applies to.
type DrainKind string

// The kinds of Drain.
const (
	DrainCluster  DrainKind = "cluster"
	DrainRegion   DrainKind = "region"
	DrainFunction DrainKind = "function"
)

// Check returns an error if the drain cannot be applied.
func (d Drain) Check() error {
	switch d.Kind {
	case DrainCluster, DrainRegion, DrainFunction:
	default:
		return fmt.Errorf("kind %q is not cluster, region or function", d.Kind)
	}
	if d.Share > 0 && d.Kind == DrainFunction {
		return errors.New("a function is drained as a whole: a share is moved from a cluster or a region to others")
	}
	if _, err := path.Match(d.Pattern, ""); err != nil || d.Pattern == "" {
		return fmt.Errorf("%q is not a pattern such as de-* or demo/hello", d.Pattern)
	}
	return nil
}

// Ended reports whether the drain is over at the given time.
func (d Drain) Ended(at time.Time) bool { return !d.Until.IsZero() && !at.Before(d.Until) }

// Same reports whether o has the same kind and pattern.
func (d Drain) Same(o Drain) bool { return d.Kind == o.Kind && d.Pattern == o.Pattern }

// String returns the drain as messages show it.
func (d Drain) String() string {
	s := fmt.Sprintf("drained at this site (%s %s)", d.Kind, d.Pattern)
	if d.Share > 0 {
		s = d.Share.String() + " of the clients are " + s
	}
	if !d.Until.IsZero() {
		s += " until " + d.Until.Format(time.RFC3339)
	}
	if d.Reason != "" {
		s += ": " + d.Reason
	}
	return s
}

// Matches returns how many clusters or functions of the state the drain matches.
func (d Drain) Matches(s *federation.State) (n int) {
	for i := range s.Clusters {
		c := &s.Clusters[i]
		if d.matches(DrainCluster, c.Name) || d.matches(DrainRegion, c.Region) {
			n++
		}
	}
	if d.Kind != DrainFunction {
		return n
	}
	for _, f := range s.All() {
		if d.matches(DrainFunction, f.Namespace+"/"+f.Name) {
			n++
		}
	}
	return n
}

func (d Drain) matches(kind DrainKind, name string) bool {
	if d.Kind != kind {
		return false
	}
	ok, err := path.Match(d.Pattern, name)
	return ok && err == nil
}

// drainOf says why the function, or the whole cluster, is drained here; "" if it is not, or only
// for a share of the clients.
func (t *Table) drainOf(kind DrainKind, name string) string {
	for _, d := range t.Drains {
		if d.Share == 0 && d.matches(kind, name) {
			return d.String()
		}
	}
	return ""
}

// shedding is the share of the clients that are moved away from a cluster, and why.
type shedding struct {
	federation.Eighths
	why string
}

// sheddingOf returns the largest share that the annotation of the cluster or a drain at this site
// moves away from it.
func (t *Table) sheddingOf(c *federation.Cluster) (s shedding) {
	if c.Shed > 0 {
		s = shedding{c.Shed, c.Shed.String() + " of the clients are drained by annotation"}
	}
	for _, d := range t.Drains {
		if d.Share > s.Eighths && (d.matches(DrainCluster, c.Name) || d.matches(DrainRegion, c.Region)) {
			s = shedding{d.Share, d.String()}
		}
	}
	return s
}

func (t *Table) functionDrain(f *federation.Function) string {
	return t.drainOf(DrainFunction, f.Namespace+"/"+f.Name)
}

func (t *Table) clusterDrain(c *federation.Cluster) string {
	if why := t.drainOf(DrainCluster, c.Name); why != "" {
		return why
	}
	return t.drainOf(DrainRegion, c.Region)
}
