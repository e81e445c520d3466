// Command nearcast is the command-line tool for operators; see the package command.
package main

import (
	"os"

	"github.com/nearcast/nearcast/cmd/nearcast/command"
)

func main() { os.Exit(command.Run()) }
