package config

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// VIP is a shared address and the conditions for announcing it.
type VIP struct {
	Address netip.Addr `yaml:"address"`
	// Bind is "lo" if the speaker is to give the address to this machine; "" if something else
	// gives it, or if it belongs to a Service.
	Bind string `yaml:"bind"`
	// Forwarded says that NAT, IPVS or eBPF takes packets to the address, although this machine
	// does not have it. The speaker does not check this.
	Forwarded bool `yaml:"forwarded"`
	// Disabled withdraws it as a drain does.
	Disabled bool `yaml:"disabled"`
	// Hints lets the site's resolver move the functions of the VIP away, as it does for VIPs of
	// Services.
	Hints bool `yaml:"hints"`
	// Peers are the peers that receive its route, by Peer.Entry or group; absent means all.
	Peers []string `yaml:"peers"`
	// Attributes are added to those of its state; nil for none.
	Attributes *route.Attributes `yaml:"attributes"`
	Checks     []Check           `yaml:"checks"`

	// Owners are the Services that it belongs to; none if it comes from the file.
	Owners []vip.ServiceRef `yaml:"-"`
	// Backing says whether the Services have endpoints here.
	Backing vip.Backing `yaml:"-"`
}

// Namespace returns the namespace of the VIP's Services; "" if it comes from the file.
func (v *VIP) Namespace() string {
	if len(v.Owners) == 0 {
		return ""
	}
	return v.Owners[0].Namespace
}

func (v *VIP) check(fault faultFunc) {
	if !v.Address.IsGlobalUnicast() || v.Address.Zone() != "" {
		fault("address", "a unicast IP address is required")
	} else if text := faultOfAddress(v.Address); text != "" {
		fault("address", "%s", text)
	}
	if v.Bind != "" && v.Bind != "lo" {
		fault("bind", "%q is not lo", v.Bind)
	}
	if v.Bind != "" && v.Forwarded {
		fault("forwarded", "cannot be combined with bind: an address of this machine is not forwarded")
	}
	if !slices.ContainsFunc(v.Checks, func(c Check) bool { return c.Scope != vip.Upstream }) {
		fault("checks", "a check with scope local is required; without one, a site would announce the address even if it cannot serve it")
	}
	for i := range v.Checks {
		v.Checks[i].check(fault.under(fmt.Sprintf("checks[%d]", i)))
	}
}
