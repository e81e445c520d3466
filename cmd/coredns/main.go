// Command coredns is CoreDNS with all of its own plugins plus nearcast, rpz, rrl, ddr, direct and
// tcp, in the order that steering and policy require. With the build tag minimal, as in the
// deployed image, it includes only those CoreDNS plugins that are in internal/base/directives/minimal.
//
// Called nearcast, by a link or a copy, it is that command: the two share nearly all of their
// code, so that an image needs it once.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/coremain"

	"github.com/nearcast/nearcast/cmd/nearcast/command"
	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/base/version"
	_ "github.com/nearcast/nearcast/plugin/ddr"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
	_ "github.com/nearcast/nearcast/plugin/rrl"
	_ "github.com/nearcast/nearcast/plugin/tcp"
)

func main() {
	if filepath.Base(os.Args[0]) == command.Name {
		os.Exit(command.Run())
	}
	if err := directives.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	caddy.AppVersion += " with Nearcast " + version.Nearcast
	coremain.Run()
}
