// Command weigh prints what the code of programs consists of, as a Markdown table with a row for each group of
// packages: Go's, Kubernetes', CoreDNS's. It needs programs with their symbols, which `-ldflags=-s` removes.
package main

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
)

func main() {
	os.Exit(program.Run(&cobra.Command{
		Use:   "weigh PROGRAM...",
		Short: "Print what the code of programs consists of",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var all []weights
			for _, path := range paths {
				w, err := weigh(path)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				all = append(all, w)
			}
			return table(cmd.OutOrStdout(), paths, all)
		},
	}))
}

// weights are octets of code, by the names of groups.
type weights map[string]uint64

func (w weights) sum() (sum uint64) {
	for _, octets := range w {
		sum += octets
	}
	return sum
}

// weigh reads the sizes of a program's functions.
func weigh(path string) (weights, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil, errors.New("has no symbols; build it without -ldflags=-s")
	}
	if err != nil {
		return nil, err
	}
	w := weights{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			w[groupOf(packageOf(s.Name))] += s.Size
		}
	}
	return w, nil
}

// table has the groups by their share of the first program.
func table(out io.Writer, paths []string, all []weights) error {
	names := map[string]bool{}
	for _, w := range all {
		for name := range w {
			names[name] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		for _, w := range all {
			if w[a] != w[b] {
				return cmp.Compare(w[b], w[a])
			}
		}
		return 0
	})
	head, line := "| % of the code |", "|---|"
	for _, path := range paths {
		head, line = head+" `"+filepath.Base(path)+"` |", line+"---|"
	}
	text := head + "\n" + line + "\n"
	for _, name := range order {
		text += "| " + name + " |"
		for _, w := range all {
			text += fmt.Sprintf(" %.1f |", 100*float64(w[name])/float64(max(1, w.sum())))
		}
		text += "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}
