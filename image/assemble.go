package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nearcast/nearcast/internal/base/version"
)

// parts is what an image is made from.
type parts struct {
	recipe
	dir          string // has the compiled files
	architecture string
	revision     string
	created      time.Time
}

// made is an image with its bill of materials.
type made struct {
	recipe
	architecture string
	image        v1.Image
	materials    []byte          // in CycloneDX
	modules      []cdx.Component // the same, for the provenance
}

// assemble makes an image from compiled files: one layer of the system's files with the bill of materials, and one
// layer for each program.
func assemble(p parts) (made, error) {
	modules, err := modules(p)
	if err != nil {
		return made{}, err
	}
	materials, err := materials(p, modules)
	if err != nil {
		return made{}, err
	}
	layers, err := p.layers(materials)
	if err != nil {
		return made{}, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, p.config()); err != nil {
		return made{}, err
	}
	for _, l := range layers {
		addendum := mutate.Addendum{Layer: l, MediaType: types.OCILayer, History: v1.History{CreatedBy: "nearcast image", Created: v1.Time{Time: p.created}}}
		if image, err = mutate.Append(image, addendum); err != nil {
			return made{}, err
		}
	}
	return made{recipe: p.recipe, architecture: p.architecture, image: image, materials: materials, modules: modules}, nil
}

// materialsAt is where scanners look for an image's bill of materials.
const materialsAt = "var/lib/db/sbom/nearcast.cdx.json"

func (p parts) layers(materials []byte) ([]v1.Layer, error) {
	base := append(slices.Clone(p.files), entry{name: "var/lib/db/", mode: 0o755}, entry{name: "var/lib/db/sbom/", mode: 0o755}, entry{name: materialsAt, mode: 0o644, content: materials})
	contents := [][]entry{base}
	for _, part := range p.programs {
		var err error
		if part.content, err = os.ReadFile(filepath.Join(p.dir, part.from)); err != nil {
			return nil, err
		}
		contents = append(contents, []entry{part.entry})
	}
	var layers []v1.Layer
	for _, entries := range contents {
		l, err := layer(entries, p.created)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// config has the labels of the OCI image specification's annotations.
func (p parts) config() *v1.ConfigFile {
	labels := map[string]string{
		"org.opencontainers.image.title":       p.title,
		"org.opencontainers.image.description": p.description,
		"org.opencontainers.image.source":      "https://github.com/nearcast/nearcast",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     version.Nearcast,
	}
	if p.revision != "" {
		labels["org.opencontainers.image.revision"] = p.revision
	}
	config := p.start
	config.User = fmt.Sprintf("%d:%d", nonroot, nonroot)
	config.WorkingDir = "/"
	config.Labels = labels
	return &v1.ConfigFile{
		OS: "linux", Architecture: p.architecture, Created: v1.Time{Time: p.created},
		RootFS: v1.RootFS{Type: "layers"}, Config: config,
	}
}
