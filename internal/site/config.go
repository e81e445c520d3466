package site

import (
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/policy"
	"github.com/nearcast/nearcast/internal/steer"
)

// Config is what one running state is made of. Server blocks whose Source is
// the same share one state, and so must agree on the rest.
type Config struct {
	Source Source
	// Zones are canonical.
	Zones []string
	// Servers are the names of the zones' name servers, canonical and sorted.
	Servers   []string
	Where     steer.Site
	Locations locate.Files
	Horizons  []Horizon
	Claims    federation.Claims
	Tenants   []Tenant
	// Policy is for functions that name none; nil for nearest.
	Policy *policy.Rule
	// Independent lets each address family have a cluster of its own.
	Independent bool
	// Load is the zero Load for the default.
	Load     steer.Load
	Probe    health.Config
	Admin    string // socket; "" for none
	Speaker  string // the admin socket of this site's speaker; "" for none
	Snapshot string // folder; "" for none
}

// Source says where the federation's objects come from.
type Source struct {
	// Manifests is a folder; "" where Karmada is the source.
	Manifests string
	// Kubeconfig and Namespaces are Karmada's; no namespace means all.
	Kubeconfig string
	Namespaces []string
}

// Key is the same for two sources that read the same objects.
func (s Source) Key() string {
	if s.Manifests != "" {
		return "manifests " + s.Manifests
	}
	return strings.Join(append([]string{"karmada", s.Kubeconfig}, s.Namespaces...), " ")
}

// DefaultTTL are the least and the most seconds that an answer may be kept. A
// change is seen within the most; the least is for answers that will not last.
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
