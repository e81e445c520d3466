// Package directives puts Nearcast's plugins in their place in CoreDNS's order,
// which is fixed when a binary is built and not by the Corefile.
package directives

import (
	"fmt"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
)

// Install changes CoreDNS's order to "… acl rpz dnssec nearcast cache header …":
//
//   - rpz applies policy to what leaves the server, so that the cache behind it
//     keeps the truth;
//   - dnssec signs only what comes after it, so it stands before nearcast;
//   - cache knows no client, so that in front of nearcast it would give one
//     client the cluster of another: it stands behind.
//
// It must be called before a server is started, and may be called again.
func Install() error {
	ours := []string{"rpz", "dnssec", "nearcast"}
	order := slices.DeleteFunc(slices.Clone(dnsserver.Directives), func(d string) bool {
		return slices.Contains(ours, d)
	})
	acl := slices.Index(order, "acl")
	if acl < 0 {
		return fmt.Errorf("CoreDNS's plugin order has no acl after which to put %v", ours)
	}
	return dnsserver.SetDirectives(slices.Insert(order, acl+1, ours...))
}
