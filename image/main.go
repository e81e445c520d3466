// Command image makes the container images, for several architectures and without a container engine: CoreDNS with
// Nearcast's plugins and the command; the speaker; and the functions. The same sources and the same Go version give
// the same bytes.
//
// It writes an OCI image layout with all architectures and its provenance. For each architecture it writes an
// archive that docker, podman, ctr and K3s import, and a bill of materials.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/internal/base/version"
)

func main() { os.Exit(program.Run(command())) }

func command() *cobra.Command {
	var o order
	c := &cobra.Command{
		Use:   "image",
		Short: "Build the container images without a container engine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.created, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
				return err
			}
			return o.fill(cmd.Context(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&o.dir, "output", "o", "dist", "write into this `DIRECTORY`")
	c.Flags().StringVar(&o.registry, "registry", "nearcast", "the `HOST/PATH` before the names of the images")
	c.Flags().StringVar(&o.tag, "tag", version.Nearcast, "the `TAG` of the images")
	c.Flags().StringVar(&o.revision, "revision", "", "the `COMMIT` of the sources, for the labels of the images")
	c.Flags().StringVar(&o.key, "key", "", "sign the provenance with the private key in this `FILE`: PKCS #8 in PEM, Ed25519 or ECDSA")
	c.Flags().StringVar(&o.builder, "builder", byHand, "the `URI` of the builder, for the provenance")
	c.Flags().StringVar(&o.pin, "pin", "", "write the digests of the images into the manifests below this `DIRECTORY`")
	c.Flags().StringSliceVar(&o.architectures, "arch", []string{"amd64", "arm64"}, "`ARCHITECTURES`, as Go names them")
	return c
}

// sourceDate reads SOURCE_DATE_EPOCH (reproducible-builds.org), in seconds; the epoch itself if it is not set.
func sourceDate(text string) (time.Time, error) {
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: want seconds since 1970: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// order is what the command line asks for.
type order struct {
	dir, registry, tag, revision string
	key, builder, pin            string
	architectures                []string
	created                      time.Time
}

// fill makes the images, one architecture after the other.
func (o order) fill(ctx context.Context, out io.Writer) error {
	if o.pin != "" && !isCommit(o.revision) {
		return fmt.Errorf("--pin: --revision %q is not a commit: commit first, so that others can make the same image", o.revision)
	}
	sign, err := signer(o.key)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	shelf, err := newShelf(o.dir, o.registry, o.tag, out)
	if err != nil {
		return err
	}
	for _, architecture := range o.architectures {
		fmt.Fprintf(out, "%s: compiling; the first time takes some minutes ...\n", architecture)
		if err := o.make(ctx, architecture, shelf); err != nil {
			return fmt.Errorf("%s: %w", architecture, err)
		}
	}
	if err := shelf.close(); err != nil {
		return err
	}
	if err := shelf.attest(ctx, origin{revision: o.revision, builder: o.builder}, sign); err != nil {
		return err
	}
	if o.pin == "" {
		return nil
	}
	digests, err := shelf.digests()
	if err != nil {
		return err
	}
	return pin(o.pin, digests, out)
}

func (o order) make(ctx context.Context, architecture string, shelf *shelf) error {
	compiled, err := compile(ctx, architecture)
	if err != nil {
		return err
	}
	defer os.RemoveAll(compiled) //nolint:errcheck // it is below the directory for temporary files
	recipes, err := images()
	if err != nil {
		return err
	}
	for _, r := range recipes {
		made, err := assemble(parts{recipe: r, dir: compiled, architecture: architecture, revision: o.revision, created: o.created})
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if err := shelf.add(made); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}
