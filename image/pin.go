package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// named is an image in a manifest or in a value of the chart, with its previous digest.
var named = regexp.MustCompile(`(\bimage: )([a-z0-9./-]+:[A-Za-z0-9._-]+)(@sha256:[0-9a-f]{64})?`)

// pin writes the digests into the manifests below a directory, and reports in which. A node then verifies that it
// runs the image with the digest, even if somebody moves the tag.
func pin(folder string, digests map[string]v1.Hash, out io.Writer) error {
	pinned := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		after, count := withDigests(text, digests)
		if count == 0 {
			return nil
		}
		pinned += count
		fmt.Fprintln(out, "pinned in", path)
		return os.WriteFile(path, after, 0o644)
	})
	if err == nil && pinned == 0 {
		err = errors.New("no manifest names any of these images")
	}
	if err != nil {
		return fmt.Errorf("--pin %s: %w", folder, err)
	}
	return nil
}

// withDigests returns a manifest with digests, and the number of images.
func withDigests(text []byte, digests map[string]v1.Hash) (after []byte, count int) {
	after = named.ReplaceAllFunc(text, func(found []byte) []byte {
		parts := named.FindSubmatch(found)
		digest, ours := digests[string(parts[2])]
		if !ours {
			return found
		}
		count++
		return fmt.Appendf(nil, "%s%s@%s", parts[1], parts[2], digest)
	})
	return after, count
}
