package direct

import (
	"slices"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
)

// TestCheckClassifiesEveryPluginInFront checks every plugin that this repository orders
// before nearcast: it either never blocks, or may block, or serves nothing itself.
func TestCheckClassifiesEveryPluginInFront(t *testing.T) {
	settings := []string{
		"root", "proxyproto", "quic", "grpc_server", "https", "https3", "timeouts", "tcp", "multisocket", "reload", "bind", "direct", "debug",
		"ready", "health", "pprof", "shed",
	}
	before := dnsserver.Directives[:slices.Index(dnsserver.Directives, "nearcast")]
	for _, name := range before {
		if _, passes := passing[name]; !passes && !slices.Contains(waits, name) && !slices.Contains(settings, name) {
			t.Errorf("check does not classify %s before nearcast", name)
		}
	}
	for _, name := range waits {
		if _, passes := passing[name]; passes || !slices.Contains(before, name) {
			t.Errorf("check says that %s may block before nearcast", name)
		}
	}
}
