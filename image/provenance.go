package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	cdx "github.com/CycloneDX/cyclonedx-go"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	sources = "https://github.com/nearcast/nearcast"
	// buildType defines how to read the parameters: `make image` at the commit, with this Go version.
	buildType = sources + "/tree/main/image"
	// byHand is the default builder: whoever ran the command.
	byHand = sources + "/tree/main/image#by-hand"
	// predicate is SLSA's provenance, version 1.
	predicate = "https://slsa.dev/provenance/v1"
)

// origin is what the command knows about its sources and itself.
type origin struct{ revision, builder string }

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// isCommit reports whether the revision is a commit without local changes.
func isCommit(revision string) bool { return commit.MatchString(revision) }

// attest writes the provenance of each image: an in-toto statement, or an envelope with it if there is a key. It
// contains no time, so that another build gives the same bytes.
func (s *shelf) attest(ctx context.Context, from origin, sign sign) error {
	for file, images := range s.images {
		statement, err := s.statement(file, images, from)
		if err != nil {
			return fmt.Errorf("%s: provenance: %w", file, err)
		}
		if statement, err = sign(ctx, statement); err != nil {
			return fmt.Errorf("%s: provenance: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, file+".intoto.json"), statement, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// statement states what an image, and its image for each architecture, is made from.
func (s *shelf) statement(file string, images []made, from origin) ([]byte, error) {
	subjects, err := s.subjects(file, images)
	if err != nil {
		return nil, err
	}
	provenance := &slsa.Provenance{
		BuildDefinition: &slsa.BuildDefinition{
			BuildType: buildType,
			ExternalParameters: &structpb.Struct{Fields: map[string]*structpb.Value{
				"source":   structpb.NewStringValue("git+" + sources),
				"revision": structpb.NewStringValue(from.revision),
				"image":    structpb.NewStringValue(s.called(images[0].recipe)),
			}},
			ResolvedDependencies: dependencies(images, from.revision),
		},
		RunDetails: &slsa.RunDetails{Builder: &slsa.Builder{Id: from.builder}},
	}
	if err := provenance.Validate(); err != nil {
		return nil, err
	}
	of, err := asStruct(provenance)
	if err != nil {
		return nil, err
	}
	statement := &intoto.Statement{Type: intoto.StatementTypeUri, Subject: subjects, PredicateType: predicate, Predicate: of}
	if err := statement.Validate(); err != nil {
		return nil, err
	}
	return stable(statement)
}

func (s *shelf) subjects(file string, images []made) ([]*intoto.ResourceDescriptor, error) {
	digest, err := s.indexes[file].Digest()
	if err != nil {
		return nil, err
	}
	called := s.called(images[0].recipe)
	subjects := []*intoto.ResourceDescriptor{{Name: called, Digest: map[string]string{digest.Algorithm: digest.Hex}}}
	for _, m := range images {
		if digest, err = m.image.Digest(); err != nil {
			return nil, err
		}
		subjects = append(subjects, &intoto.ResourceDescriptor{Name: called + " linux/" + m.architecture, Digest: map[string]string{digest.Algorithm: digest.Hex}})
	}
	return subjects, nil
}

// dependencies are the commit and the modules, including Go's library with its version.
func dependencies(images []made, revision string) []*intoto.ResourceDescriptor {
	source := &intoto.ResourceDescriptor{Uri: "git+" + sources}
	if isCommit(revision) {
		source.Uri += "@" + revision
		source.Digest = map[string]string{intoto.AlgorithmGitCommit.String(): revision}
	}
	all := []*intoto.ResourceDescriptor{source}
	seen := map[string]bool{}
	for _, m := range images {
		for _, module := range m.modules {
			if !seen[module.PackageURL] {
				seen[module.PackageURL] = true
				all = append(all, dependency(module))
			}
		}
	}
	return all
}

// dependency uses the digest in go.sum: dirHash is its h1, in hexadecimal.
func dependency(module cdx.Component) *intoto.ResourceDescriptor {
	d := &intoto.ResourceDescriptor{Uri: module.PackageURL}
	if module.Hashes != nil {
		d.Digest = map[string]string{intoto.AlgorithmDirHash.String(): (*module.Hashes)[0].Value}
	}
	return d
}

func asStruct(provenance *slsa.Provenance) (*structpb.Struct, error) {
	text, err := protojson.Marshal(provenance)
	if err != nil {
		return nil, err
	}
	of := new(structpb.Struct)
	return of, protojson.Unmarshal(text, of)
}

// stable is JSON with the same bytes each time, which protojson does not guarantee.
func stable(statement *intoto.Statement) ([]byte, error) {
	text, err := protojson.Marshal(statement)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}
