// Package folder makes the folders that a configuration names for what a program
// writes: state that outlives a restart, and sockets.
package folder

import (
	"fmt"
	"os"
)

// Make makes the folder, and those above it, where they are missing. They are for
// their owner alone: state has what private functions are called. It is for starting;
// what only checks a configuration must leave the disk as it is.
func Make(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("the folder %s cannot be made: %w; make it for the user that runs this program, or name another", path, err)
	}
	return nil
}
