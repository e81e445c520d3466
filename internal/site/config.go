package site

import (
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// Config describes one running state. Server blocks with the same Source share one state,
// so they must agree on the rest.
type Config struct {
	Source Source
	// Zones are canonical.
	Zones []string
	// Servers are the names of the zones' name servers, canonical and sorted.
	Servers   []string
	Where     steer.Site
	Locations locate.Files
	Horizons  []Horizon
	Claims    claims.List
	Tenants   []Tenant
	// Policy is for functions that name none; nil means nearest.
	Policy *policy.Rule
	// WhenDown is for functions that say nothing of it; nil answers with all candidates.
	WhenDown *policy.WhenDown
	// Independent lets each address family use a cluster of its own.
	Independent bool
	// Load is the zero Load to use the default.
	Load     steer.Load
	Probe    health.Config
	Admin    string // socket; "" for none
	Speaker  string // the admin socket of this site's speaker; "" for none
	Snapshot string // folder; "" for none
}

// Source says where the federation's objects come from.
type Source struct {
	// Manifests is a directory; "" if Karmada is the source.
	Manifests string
	// Kubeconfig and Namespaces are for Karmada; no namespace means all.
	Kubeconfig string
	Namespaces []string
}

// Key returns the same text for two sources that read the same objects.
func (s Source) Key() string {
	if s.Manifests != "" {
		return "manifests " + s.Manifests
	}
	return strings.Join(append([]string{"karmada", s.Kubeconfig}, s.Namespaces...), " ")
}

// DefaultTTL holds the minimum and maximum TTL of an answer, in seconds. Clients see a
// change within the maximum; the minimum is for answers that will not last.
const (
	DefaultTTLLeast = 5 * time.Second
	DefaultTTLMost  = 30 * time.Second
)

func (c *Config) policy() *policy.Rule {
	if c.Policy == nil {
		return policy.Default
	}
	return c.Policy
}

func (c *Config) load() steer.Load {
	if c.Load == (steer.Load{}) {
		return steer.DefaultLoad
	}
	return c.Load
}
