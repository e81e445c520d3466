// Package command is the command-line tool for operators: it explains answers, checks
// configurations and operates running instances. It runs once in a process: as the program
// nearcast, or as coredns called by that name.
package command

import (
	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
)

// defaultSocket is where CoreDNS listens for this command if its Corefile follows the manuals.
const defaultSocket = "/run/nearcast/admin.sock"

// Name is the name of the command.
const Name = "nearcast"

// Run runs the command with the process's arguments, and returns its exit status.
func Run() int { return program.Run(root()) }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   Name,
		Short: "Send every call of a function to the nearest healthy cluster of a Karmada federation",
	}
	program.AddOutput(c)
	c.AddCommand(labCommand(), explainCommand(), checkCommand(), statusCommand(), drainCommand(), undrainCommand(), bgpCommand(), rpzCommand(), dnrCommand(), importCommand())
	return c
}
