package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

func bgpUndampCommand() *cobra.Command {
	var f bgpDrainFlags
	return f.command(http.MethodDelete, "/flaps", "undamp [VIP] --admin SOCKET", "Prefer a VIP again that failed too often, or all",
		`Undamp forgets the failures of a VIP of this site, or those of every one, that count
against the budget of flaps. One that was announced as degraded for them alone is up at
once. What fails now goes on to decide.`, printSpeaker)
}
