// Command nearcast is the command-line tool for operators: it explains answers, checks
// configurations and operates running instances.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
)

// defaultSocket is where CoreDNS listens for this command if its Corefile follows the manuals.
const defaultSocket = "/run/nearcast/admin.sock"

func main() { os.Exit(program.Run(root())) }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "nearcast",
		Short: "Send every call of a function to the nearest healthy cluster of a Karmada federation",
	}
	program.AddOutput(c)
	c.AddCommand(labCommand(), explainCommand(), checkCommand(), statusCommand(), drainCommand(), undrainCommand(), bgpCommand(), rpzCommand(), dnrCommand())
	return c
}
