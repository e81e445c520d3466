package bgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/secretfile"
)

// Warnings are what the file at path permits and its operator may not want: secrets
// that other users can read, and pools that namespaces share. Each names the file,
// the line and the key. A file with a fault has none.
func Warnings(path string) []error {
	c, found, err := load(path)
	if err != nil || len(found.found) > 0 {
		return nil
	}
	c.warnOfSecrets(found.add)
	c.warnOfPools(found.add)
	return found.in(path)
}

func (c *Config) warnOfSecrets(warn faultFunc) {
	for i := range c.Peers {
		warnOfSecret(fmt.Sprintf("peers[%d].passwordFile", i), c.Peers[i].PasswordFile, warn)
	}
	warnOfSecret("services.kubeconfig", c.Services.Kubeconfig, warn)
}

func warnOfSecret(key, file string, warn faultFunc) {
	if file == "" {
		return
	}
	if text := secretfile.Warning(file); text != "" {
		warn(key, "%s", text)
	}
}

func (c *Config) warnOfPools(warn faultFunc) {
	for i, p := range c.Pools {
		key := fmt.Sprintf("pools[%d]", i)
		if who := sharers(p.Namespaces); who != "" {
			warn(key+".namespaces", "%s share %s; %s", who, join(p.CIDRs), poolEach)
		}
		for j, o := range c.Pools[:i] {
			who := sharers(append(slices.Clone(o.Namespaces), p.Namespaces...))
			if both := federation.Overlap(p.CIDRs, o.CIDRs); len(both) > 0 && who != "" {
				warn(key+".cidrs", "%s of pools[%d] share %s; %s", who, j, join(both), poolEach)
			}
		}
	}
}

const poolEach = "the older Service takes an address from another namespace's that wants it too: give each namespace a range of its own"

// sharers names the namespaces where they are more than one; "" where they are not.
func sharers(namespaces []string) string {
	if slices.Contains(namespaces, "*") {
		return "all namespaces"
	}
	all := slices.Compact(slices.Sorted(slices.Values(namespaces)))
	if len(all) < 2 {
		return ""
	}
	return "the namespaces " + strings.Join(all, ", ")
}

func join(cidrs []netip.Prefix) string {
	var all []string
	for _, c := range cidrs {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}
