package command

import (
	"net/http"

	"github.com/spf13/cobra"
)

func bgpUndampCommand() *cobra.Command {
	var f bgpDrainFlags
	return f.command(http.MethodDelete, "/flaps", "undamp [VIP] --admin SOCKET", "Forget the failures of a VIP, or of every VIP",
		`Forget the failures of a VIP of this site, or of every VIP, that count against the flap
budget. A VIP that is announced as degraded only because of them is up at once. Checks
that fail now still count.`, printSpeaker)
}
