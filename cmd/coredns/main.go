// Command coredns is CoreDNS with every plugin of its own, nearcast, rpz, rrl, ddr, direct
// and tcp, in the order that steering and policy need. With the build tag minimal, as in the
// image that is deployed, it has of CoreDNS's own plugins those of internal/directives/minimal alone.
package main

import (
	"fmt"
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/coremain"

	"github.com/nearcast/nearcast/internal/directives"
	"github.com/nearcast/nearcast/internal/version"
	_ "github.com/nearcast/nearcast/plugin/ddr"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
	_ "github.com/nearcast/nearcast/plugin/rrl"
	_ "github.com/nearcast/nearcast/plugin/tcp"
)

func main() {
	if err := directives.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	caddy.AppVersion += " with Nearcast " + version.Nearcast
	coremain.Run()
}
