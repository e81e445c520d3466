package program

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// AddOutput adds the flag -o to the command and its subcommands.
func AddOutput(c *cobra.Command) {
	c.PersistentFlags().StringP("output", "o", "text", "output `FORMAT`: text or json")
}

// WantsJSON reads the flag -o. It returns an error that names a value other than text and
// json.
func WantsJSON(c *cobra.Command) (bool, error) {
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

// PrintJSON writes the value as indented JSON.
func PrintJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
