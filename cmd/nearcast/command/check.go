package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Check Corefiles, manifests, locations, policy zones, GeoIP databases and speaker configurations",
		Long: `Check each FILE with the parser that loads it: a Corefile, with the files that it
names; a manifest, or a directory of manifests; a table of locations; a policy zone; a
GeoIP database; or a speaker's configuration. The content of a file decides which of
these it is; the name decides only if the content does not.

The command prints every fault and warning with its file and line, in the order of the
files and lines, and then what was read. A note shows what is open to whom: the names
and addresses that the claim lines of a Corefile leave to every namespace. With -o json
the output is an array of findings, each with severity, file, line, object, key,
reason, and text, which combines all of these.

The exit status is 1 if there is a fault or if nothing was read. A file with nothing
that Nearcast reads is a fault; a warning is not.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name what to check: a Corefile, a directory of manifests, or any file that the programs read; for example `nearcast check Corefile`")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := program.WantsJSON(cmd)
			if err != nil {
				return err
			}
			r := newReport()
			for _, path := range args {
				r.named[whole(path)] = true
				r.add(checkPath(path))
			}
			return r.print(cmd.OutOrStdout(), asJSON)
		},
	}
}

// report is the result of check.
type report struct {
	findings []finding
	said     map[finding]bool // with full file names, and no Text
	named    map[string]bool  // arguments, and files with other findings, by full name
	read     tally
}

func newReport() *report {
	return &report{findings: []finding{}, said: map[finding]bool{}, named: map[string]bool{}, read: tally{}}
}

// add adds the findings in a file. A finding that a Corefile and a file of its own share is
// reported once.
func (r *report) add(findings []finding, read tally) {
	for _, f := range findings {
		key := f
		key.File, key.Text = whole(f.File), ""
		if !r.said[key] {
			r.said[key] = true
			r.findings = append(r.findings, f)
		}
	}
	r.read.add(read)
}

// dropPassedOver drops the warning about a file that was skipped in a directory if another argument
// read it.
func (r *report) dropPassedOver() {
	passed := func(f finding) bool { return strings.HasSuffix(f.Reason, notReadHere) }
	for _, f := range r.findings {
		if !passed(f) {
			r.named[whole(f.File)] = true
		}
	}
	r.findings = slices.DeleteFunc(r.findings, func(f finding) bool {
		file := whole(f.File)
		return passed(f) && (r.named[file] || r.read[file] != nil)
	})
}

// print writes the report. It returns an error if there is a fault.
func (r *report) print(w io.Writer, asJSON bool) error {
	r.dropPassedOver()
	files := map[string]bool{}
	counts := map[string]int{}
	for _, f := range r.findings {
		counts[f.Severity]++
		if f.Severity != severityNote {
			files[whole(f.File)] = true
		}
		if !asJSON {
			fmt.Fprintf(w, "%s: %s\n", f.Severity, f.Text)
		}
	}
	if asJSON {
		if err := program.PrintJSON(w, r.findings); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(w, "read %v\n", r.read)
	}
	faults, warnings := counts[severityFault], counts[severityWarning]
	in := " in " + count(len(files), "file")
	switch {
	case faults > 0 && warnings > 0:
		return errors.New(count(faults, severityFault) + " and " + count(warnings, severityWarning) + in)
	case faults > 0:
		return errors.New(count(faults, severityFault) + in)
	case len(r.read) == 0:
		return errors.New("nothing was read, " + count(warnings, severityWarning) + in)
	case asJSON:
	case warnings > 0:
		fmt.Fprintf(w, "no faults, %s%s\n", count(warnings, severityWarning), in)
	default:
		fmt.Fprintf(w, "%s %s good\n", count(len(r.read), "file"), areOrIs(len(r.read)))
	}
	return nil
}

func areOrIs(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
