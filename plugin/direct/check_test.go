package direct

import (
	"slices"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
)

// TestCheckJudgesEveryPluginInFront holds that each that this repository's order has
// before nearcast passes, waits, or serves nothing itself.
func TestCheckJudgesEveryPluginInFront(t *testing.T) {
	settings := []string{
		"root", "proxyproto", "quic", "grpc_server", "https", "https3", "timeouts", "tcp", "multisocket", "reload", "bind", "direct", "debug",
		"ready", "health", "pprof", "shed",
	}
	before := dnsserver.Directives[:slices.Index(dnsserver.Directives, "nearcast")]
	for _, name := range before {
		if _, passes := passing[name]; !passes && !slices.Contains(waits, name) && !slices.Contains(settings, name) {
			t.Errorf("check does not know what %s does before nearcast", name)
		}
	}
	for _, name := range waits {
		if _, passes := passing[name]; passes || !slices.Contains(before, name) {
			t.Errorf("%s is said to wait before nearcast", name)
		}
	}
}
