// Command coredns is CoreDNS with every plugin of its own and nearcast, in the
// order that steering needs.
package main

import (
	"fmt"
	"os"

	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"

	"github.com/nearcast/nearcast/internal/directives"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
)

func main() {
	if err := directives.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	coremain.Run()
}
