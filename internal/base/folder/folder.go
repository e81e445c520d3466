// Package folder creates the directories that a configuration names for a program's
// output: state that outlives a restart, and sockets.
package folder

import (
	"fmt"
	"os"
)

// Make creates the directory and its missing parents. Only the owner can access them:
// state contains the names of private functions. Call it when starting; code that only
// checks a configuration must not change the disk.
func Make(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("cannot create the directory %s: %w; create it for the user that runs this program, or use another one", path, err)
	}
	return nil
}
