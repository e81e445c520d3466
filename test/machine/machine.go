// Package machine describes what figures depend on beside the programs.
package machine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where something was measured, and what.
type Machine struct {
	Commit, Go, Kernel, CPU string
	Cores                   int
	// Memory is in bytes.
	Memory int64
	Date   time.Time
	// Load is the load average of the minute before the run: whether it was alone.
	Load string
}

// Describe looks at this machine and this checkout. The reports, pathspecs,
// are what a run writes, and no change of what it measures.
func Describe(reports ...string) (Machine, error) {
	m := Machine{Go: runtime.Version(), Cores: runtime.NumCPU(), Date: time.Now().UTC(), Commit: commit(reports)}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("uname: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return m, fmt.Errorf("sysinfo: %w", err)
	}
	m.Memory = int64(info.Totalram) * int64(info.Unit)
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	m.CPU = cpuModel(string(cpu))
	average, err := os.ReadFile("/proc/loadavg")
	m.Load, _, _ = strings.Cut(string(average), " ")
	return m, err
}

// commit is what is measured, with a word where the checkout differs from it.
func commit(reports []string) string {
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	args := []string{"status", "--porcelain", "--", ":/"}
	for _, pattern := range reports {
		args = append(args, ":(exclude,top)"+pattern)
	}
	changed, err := exec.Command("git", args...).Output()
	if err != nil || len(bytes.TrimSpace(changed)) > 0 {
		return string(bytes.TrimSpace(head)) + " with uncommitted changes"
	}
	return string(bytes.TrimSpace(head))
}

// cpuModel is the model that /proc/cpuinfo names, where it names one.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Markdown is a table, to which more rows may be added.
func (m Machine) Markdown() string {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	fmt.Fprintf(&b, "| processor | %d × %s |\n| memory | %.0f GiB |\n| system | %s |\n", m.Cores, m.CPU, float64(m.Memory)/(1<<30), m.Kernel)
	fmt.Fprintf(&b, "| load average before the run | %s |\n| Go | %s |\n| Nearcast | %s |\n", m.Load, m.Go, m.Commit)
	return b.String()
}
