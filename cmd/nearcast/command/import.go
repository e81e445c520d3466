package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/nearcast/nearcast/cmd/nearcast/importing"
	"github.com/nearcast/nearcast/internal/base/program"
)

func importCommand() *cobra.Command {
	var o importing.Options
	var folder string
	var clusters []string
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Carry over Gslbs of k8gb, DNSEndpoints of external-dns and zones of gdnsd",
		Long: `Read what other servers are configured with, and write what serves the same names
here: the file records for the key records of the Corefile, and functions.yaml, Services
and Ingresses for the Karmada API or for the directory of the key manifests.

The content of each FILE decides what it is: Kubernetes objects (Gslb, DNSEndpoint, and
lists of them), the configuration of gdnsd, or a zone in the text form of RFC 1035, with
gdnsd's DYNA and DYNC records. A zone has the name of its file, or that of --zone.

Everything in a FILE that cannot be carried over is listed with its line and a reason;
nothing is left out silently. Values that no reason is known for "have no counterpart
here". Datacenters, geo tags and labels of addresses become names of clusters: give
those that Karmada calls otherwise with --cluster. Check functions.yaml, and the Corefile
that names records, with nearcast check. Karmada must place the Services on the clusters,
with a PropagationPolicy.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name the files to import; for example `nearcast import /etc/gdnsd/config /etc/gdnsd/zones/example.org`")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := program.WantsJSON(cmd)
			if err != nil {
				return err
			}
			if o.Clusters, err = renames(clusters); err != nil {
				return err
			}
			result, err := importing.Import(args, o)
			switch {
			case err != nil:
				return err
			case asJSON:
				return program.PrintJSON(cmd.OutOrStdout(), result)
			}
			if err := write(folder, result); err != nil {
				return err
			}
			report := summary(result, folder)
			_, err = io.WriteString(cmd.OutOrStdout(), report)
			return err
		},
	}
	c.Flags().StringVar(&folder, "to", ".", "write records and functions.yaml to the directory `DIR`; with -o json nothing is written")
	c.Flags().StringVar(&o.Zone, "zone", "", "the `NAME` of the zones in the files, instead of the files' names")
	c.Flags().StringVar(&o.Namespace, "namespace", "default", "the `NAMESPACE` of Services whose source has none")
	c.Flags().StringArrayVar(&clusters, "cluster", nil, "`NAME=CLUSTER`: Karmada's name for a datacenter, geo tag or label; repeatable")
	return c
}

// renames reads NAME=CLUSTER pairs.
func renames(args []string) (map[string]string, error) {
	all := map[string]string{}
	for _, arg := range args {
		name, cluster, ok := strings.Cut(arg, "=")
		if !ok || name == "" || cluster == "" {
			return nil, fmt.Errorf("--cluster %q is not NAME=CLUSTER", arg)
		}
		all[name] = cluster
	}
	return all, nil
}

// write writes the result. It never replaces a file.
func write(folder string, r *importing.Result) error {
	if len(r.Records) > 0 {
		if err := create(filepath.Join(folder, "records"), strings.Join(r.Records, "\n")+"\n"); err != nil {
			return err
		}
	}
	if len(r.Objects) == 0 {
		return nil
	}
	var documents []string
	for _, o := range r.Objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		documents = append(documents, string(text))
	}
	return create(filepath.Join(folder, "functions.yaml"), strings.Join(documents, "---\n"))
}

func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: exists already; move it, or write elsewhere with --to", path)
	} else if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// summary says what was carried over, and lists what was not.
func summary(r *importing.Result, folder string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s, %s in %s\n", count(len(r.Records), "record"), filepath.Join(folder, "records"),
		count(len(r.Objects), "function"), filepath.Join(folder, "functions.yaml"))
	if len(r.Clusters) > 0 {
		fmt.Fprintf(&b, "these must be names of Clusters, or be given with --cluster: %s\n", strings.Join(r.Clusters, " "))
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "not carried over: %s\n", l)
	}
	return b.String()
}
