// Package directives inserts Nearcast's plugins into CoreDNS's plugin order, which is
// fixed when a binary is built and not by the Corefile.
package directives

import (
	"fmt"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
)

// Install changes CoreDNS's order to "… timeouts tcp … bind direct … dnstap rrl … acl ddr rpz dnssec nearcast cache header …":
//
//   - tcp configures connections, like timeouts;
//   - direct configures sockets, like bind;
//   - rrl limits the answers of every plugin behind it, and plugins before it see what was sent;
//   - ddr answers queries that must not leave the server, whatever the policy zones say;
//   - rpz applies policy to answers on their way out, so that the cache behind it
//     stores them unmodified;
//   - dnssec signs only the answers of plugins after it, so it comes before nearcast;
//   - cache does not distinguish clients: before nearcast, it would give one client
//     the cluster of another, so it comes after.
//
// Call it before a server starts. It may be called again.
func Install() error {
	order, err := Order()
	if err != nil {
		return err
	}
	return dnsserver.SetDirectives(order)
}

// Order returns CoreDNS's order including Nearcast's plugins. The programs of the minimal
// image know only the directives in Minimal, so CoreDNS and `nearcast check` report a
// line that uses another one.
func Order() ([]string, error) {
	order, err := whole()
	if OnlyMinimal {
		order = slices.DeleteFunc(order, func(d string) bool { return !slices.Contains(Minimal, d) })
	}
	return order, err
}

// whole is the order of all plugins.
func whole() ([]string, error) {
	order := dnsserver.Directives
	for _, place := range []struct {
		after string
		ours  []string
	}{
		{"timeouts", []string{"tcp"}},
		{"bind", []string{"direct"}},
		{"dnstap", []string{"rrl"}},
		{"acl", []string{"ddr", "rpz", "dnssec", "nearcast"}},
	} {
		var err error
		if order, err = insert(order, place.after, place.ours); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// insert returns the order with ours moved directly behind the plugin after.
func insert(order []string, after string, ours []string) ([]string, error) {
	order = slices.DeleteFunc(slices.Clone(order), func(d string) bool { return slices.Contains(ours, d) })
	at := slices.Index(order, after)
	if at < 0 {
		return nil, fmt.Errorf("CoreDNS's plugin order lacks %s, after which %v must come", after, ours)
	}
	return slices.Insert(order, at+1, ours...), nil
}
