package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// labProgram runs the lab. It is a separate program, because it links a BGP router and a
// WebAssembly runtime, which the command does not need.
const labProgram = "nearcast-lab"

func labCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lab",
		Short: "Run a federation of five clusters on this machine",
		Long: `Run a federation of five clusters on this machine. This starts a separate
program, nearcast-lab, with all arguments; it must be beside this program or in PATH.`,
		DisableFlagParsing: true, // they belong to nearcast-lab
		ValidArgsFunction:  completeLab,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := findLab()
			if err != nil {
				return err
			}
			return fmt.Errorf("lab: start %s: %w", path, syscall.Exec(path, append([]string{labProgram}, args...), os.Environ()))
		},
	}
}

// findLab returns the path of the lab's program: next to this one, otherwise in PATH.
func findLab() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	for _, name := range []string{filepath.Join(filepath.Dir(self), labProgram), labProgram} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		} else if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("lab: %w", err)
		}
	}
	return "", fmt.Errorf("lab: %s is neither in %s nor in PATH; build it with `make build`, or in Nearcast's sources with `go build -o %s ./cmd/%s`",
		labProgram, filepath.Dir(self), filepath.Dir(self), labProgram)
}

// completeLab asks the lab's program for completions: one per line, and finally how the shell
// should continue.
func completeLab(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	path, err := findLab()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	out, err := exec.Command(path, slices.Concat([]string{cobra.ShellCompRequestCmd}, args, []string{begun})...).Output()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := len(lines) - 1
	directive, err := strconv.Atoi(strings.TrimPrefix(lines[last], ":"))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return lines[:last], cobra.ShellCompDirective(directive)
}
