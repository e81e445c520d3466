package config

import (
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/nearcast/nearcast/internal/base/secretfile"
)

// Digest is a hash that shows whether the files of a configuration have changed. Reading a file with
// thousands of VIPs takes some tenths of a second, and the files are checked every half minute.
type Digest [sha256.Size]byte

// DigestOf hashes the content of the files and their permissions, on which warnings depend.
func DigestOf(files []string) (t Digest) {
	h := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(name)
		fmt.Fprintln(h, name, len(data), err, secretfile.Warning(name))
		h.Write(data)
	}
	h.Sum(t[:0])
	return t
}

// Files returns the file at path and all files that it names.
func (c *Config) Files(path string) []string {
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
