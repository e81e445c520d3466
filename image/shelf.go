package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// shelf is the folder that images are put into.
type shelf struct {
	dir, registry, tag string
	indexes            map[string]v1.ImageIndex // by image
	out                io.Writer
}

// newShelf makes the folder anew. Images are called REGISTRY/NAME:TAG.
func newShelf(dir, registry, tag string, out io.Writer) (*shelf, error) {
	if _, err := name.NewTag(registry + "/nearcast:" + tag); err != nil {
		return nil, fmt.Errorf("image's name: %w", err)
	}
	return &shelf{dir: dir, registry: registry, tag: tag, indexes: map[string]v1.ImageIndex{}, out: out}, os.MkdirAll(dir, 0o755)
}

// add writes the archive and the bill of materials of one image for one
// architecture.
func (s *shelf) add(m made) error {
	called, err := name.NewTag(s.registry + "/" + m.name + ":" + s.tag)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, m.name+"-"+m.architecture)
	if err := tarball.WriteToFile(file+".tar", called, m.image); err != nil {
		return err
	}
	if err := os.WriteFile(file+".cdx.json", m.materials, 0o644); err != nil {
		return err
	}
	index, ok := s.indexes[m.name]
	if !ok {
		index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	}
	s.indexes[m.name] = mutate.AppendManifests(index, mutate.IndexAddendum{
		Add:        m.image,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: m.architecture}},
	})
	return nil
}

// close writes one layout per image, which has all architectures, and says what
// there is.
func (s *shelf) close() error {
	for _, image := range slices.Sorted(maps.Keys(s.indexes)) {
		dir := filepath.Join(s.dir, image+"-oci")
		if err := s.layout(dir, s.indexes[image]); err != nil {
			return err
		}
		digest, err := s.indexes[image].Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s/%s:%s is %s\n  %s\n", s.registry, image, s.tag, digest, dir)
	}
	return nil
}

func (s *shelf) layout(dir string, index v1.ImageIndex) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// What skopeo and others take for the tag of a layout's image.
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": s.tag}))
}
