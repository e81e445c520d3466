// Command nearcast-lab runs a federation of five clusters, or a Karmada control plane alone, on
// this machine. `nearcast lab` starts it.
package main

import (
	"os"

	"github.com/nearcast/nearcast/internal/base/program"
)

func main() {
	c := labCommand()
	program.AddOutput(c)
	c.AddCommand(controlPlaneCommand())
	os.Exit(program.Run(c))
}
