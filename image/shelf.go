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

// shelf is the directory for images.
type shelf struct {
	dir, registry, tag string
	indexes            map[string]v1.ImageIndex // by the images' files
	images             map[string][]made        // the same, one for each architecture
	out                io.Writer
}

// newShelf makes the directory if it is missing. Images are called REGISTRY/NAME:TAG.
func newShelf(dir, registry, tag string, out io.Writer) (*shelf, error) {
	if _, err := name.NewTag(registry + "/nearcast:" + tag); err != nil {
		return nil, fmt.Errorf("image's name: %w", err)
	}
	return &shelf{dir: dir, registry: registry, tag: tag, indexes: map[string]v1.ImageIndex{}, images: map[string][]made{}, out: out}, os.MkdirAll(dir, 0o755)
}

// add writes the archive and the bill of materials of one image for one
// architecture.
func (s *shelf) add(m made) error {
	called, err := name.NewTag(s.called(m.recipe))
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, m.file()+"-"+m.architecture)
	if err := tarball.WriteToFile(file+".tar", called, m.image); err != nil {
		return err
	}
	if err := os.WriteFile(file+".cdx.json", m.materials, 0o644); err != nil {
		return err
	}
	s.images[m.file()] = append(s.images[m.file()], m)
	index, ok := s.indexes[m.file()]
	if !ok {
		index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	}
	s.indexes[m.file()] = mutate.AppendManifests(index, mutate.IndexAddendum{
		Add:        m.image,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: m.architecture}},
	})
	return nil
}

// called is the image's name, with its tag.
func (s *shelf) called(r recipe) string { return s.registry + "/" + r.name + ":" + s.tag + r.variant }

// close writes one layout per image, with all architectures, and prints what there is.
func (s *shelf) close() error {
	for _, file := range slices.Sorted(maps.Keys(s.indexes)) {
		recipe := s.images[file][0].recipe
		dir := filepath.Join(s.dir, file+"-oci")
		if err := layoutAt(dir, s.tag+recipe.variant, s.indexes[file]); err != nil {
			return err
		}
		digest, err := s.indexes[file].Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is %s\n  %s\n", s.called(recipe), digest, dir)
	}
	return nil
}

// digests returns the digest of each image, of all architectures, by its name and tag.
func (s *shelf) digests() (map[string]v1.Hash, error) {
	all := map[string]v1.Hash{}
	for file, index := range s.indexes {
		digest, err := index.Digest()
		if err != nil {
			return nil, err
		}
		all[s.called(s.images[file][0].recipe)] = digest
	}
	return all, nil
}

// layoutAt makes the directory of a layout from scratch.
func layoutAt(dir, tag string, index v1.ImageIndex) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// The annotation that skopeo and others take for the tag of a layout's image.
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
}
