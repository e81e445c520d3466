// Command nearcast is the command for people: it runs the lab, explains answers
// and checks configurations.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/program"
)

func main() { os.Exit(program.Run(root())) }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "nearcast",
		Short: "Send every call of a function to the nearest healthy cluster of a Karmada federation",
	}
	c.PersistentFlags().StringP("output", "o", "text", "output `FORMAT`: text or json")
	c.AddCommand(labCommand(), explainCommand(), checkCommand(), statusCommand(), drainCommand(), undrainCommand(), bgpCommand(), rpzCommand(), dnrCommand())
	return c
}

// wantsJSON reads the -o flag.
func wantsJSON(c *cobra.Command) (bool, error) {
	switch format, err := c.Flags().GetString("output"); {
	case err != nil:
		return false, err
	case format == "json":
		return true, nil
	case format == "text":
		return false, nil
	default:
		return false, fmt.Errorf("output %q is neither text nor json", format)
	}
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
