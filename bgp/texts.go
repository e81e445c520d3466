package bgp

import (
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/nearcast/nearcast/internal/secretfile"
)

// texts tells what a configuration was read from from what it would be read from now. A file of
// thousands of VIPs takes some tenths of a second to read, and is looked at every half a minute.
type texts [sha256.Size]byte

// textsOf is of what the files hold, and of who may read them, which Warnings are about.
func textsOf(files []string) (t texts) {
	h := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(name)
		fmt.Fprintln(h, name, len(data), err, secretfile.Warning(name))
		h.Write(data)
	}
	h.Sum(t[:0])
	return t
}

// files are the one at path and all that it names.
func (c *Config) files(path string) []string {
	files := []string{path}
	for i := range c.Peers {
		if file := c.Peers[i].PasswordFile; file != "" {
			files = append(files, file)
		}
	}
	if c.Services.Kubeconfig != "" {
		files = append(files, c.Services.Kubeconfig)
	}
	return files
}
