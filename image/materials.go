package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// modules are what the linker put into the programs, according to the programs themselves.
func modules(p parts) ([]cdx.Component, error) {
	modules := map[string]cdx.Component{}
	for _, part := range p.programs {
		info, err := buildinfo.ReadFile(filepath.Join(p.dir, cmp.Or(part.materials, part.from)))
		if err != nil {
			return nil, fmt.Errorf("bill of materials: %w", err)
		}
		std := component("std", strings.TrimPrefix(info.GoVersion, "go"), "")
		modules[std.BOMRef] = std
		for _, module := range info.Deps {
			for module.Replace != nil {
				module = module.Replace
			}
			c := component(module.Path, module.Version, module.Sum)
			modules[c.BOMRef] = c
		}
	}
	return slices.SortedFunc(maps.Values(modules), func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) }), nil
}

// materials is the bill of materials in CycloneDX.
func materials(p parts, modules []cdx.Component) ([]byte, error) {
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: p.created.Format(time.RFC3339),
		Component: &cdx.Component{Type: cdx.ComponentTypeContainer, BOMRef: p.file(), Name: p.file(), Version: p.revision},
	}
	bom.Components = &modules
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// component is a Go module with its package URL and, from its h1 checksum, its hash.
func component(path, version, sum string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: url, Name: path, Version: version, PackageURL: url}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:")); err == nil && len(raw) == 32 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
	}
	return c
}
