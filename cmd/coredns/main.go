// Command coredns is CoreDNS with every plugin of its own, nearcast, rpz, ddr and direct,
// in the order that steering and policy need.
package main

import (
	"fmt"
	"os"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"

	"github.com/nearcast/nearcast/internal/directives"
	"github.com/nearcast/nearcast/internal/version"
	_ "github.com/nearcast/nearcast/plugin/ddr"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
)

func main() {
	if err := directives.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	caddy.AppVersion += " with Nearcast " + version.Nearcast
	coremain.Run()
}
