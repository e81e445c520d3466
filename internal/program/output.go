package program

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// AddOutput gives the command and those below it the flag -o.
func AddOutput(c *cobra.Command) {
	c.PersistentFlags().StringP("output", "o", "text", "output `FORMAT`: text or json")
}

// WantsJSON reads the flag -o. The error names a value that is neither text nor json.
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

// PrintJSON writes the value, indented.
func PrintJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
