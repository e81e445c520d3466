// Package directives puts Nearcast's plugins in their place in CoreDNS's order,
// which is fixed when a binary is built and not by the Corefile.
package directives

import (
	"fmt"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
)

// Install changes CoreDNS's order to "… acl dnssec nearcast cache header …":
//
//   - dnssec signs only what comes after it, so it stands before nearcast;
//   - cache knows no client, so that in front of nearcast it would give one
//     client the cluster of another: it stands behind.
//
// It must be called before a server is started, and may be called again.
func Install() error {
	order := slices.DeleteFunc(slices.Clone(dnsserver.Directives), func(d string) bool {
		return d == "dnssec" || d == "nearcast"
	})
	acl := slices.Index(order, "acl")
	if acl < 0 {
		return fmt.Errorf("CoreDNS's plugin order has no acl after which to put dnssec and nearcast")
	}
	return dnsserver.SetDirectives(slices.Insert(order, acl+1, "dnssec", "nearcast"))
}
