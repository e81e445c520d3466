package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on beside the programs.
type machine struct {
	Commit, Go, Kernel, CPU string
	Cores                   int
	// Memory is in bytes.
	Memory int64
	Date   time.Time
	// Load is the load average of the minute before the run: whether it was alone.
	Load string
	// Versions are of the programs.
	Versions []version
}

type version struct{ program, number string }

// thisMachine describes the machine, and the programs of the plan.
func thisMachine(p plan) (machine, error) {
	m := machine{Go: runtime.Version(), Cores: runtime.NumCPU(), Date: time.Now().UTC(), Commit: commit()}
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
	if err != nil {
		return m, err
	}
	m.Load, _, _ = strings.Cut(string(average), " ")
	m.Versions, err = p.versions()
	return m, err
}

// commit is what is measured, with a word where the checkout differs from it.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	// The report of the last run is not measured.
	changed, err := exec.Command("git", "status", "--porcelain", "--", ":!test/bench/RESULTS*").Output()
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

// versions asks every program of the plan, each once.
func (p plan) versions() ([]version, error) {
	programs := []program{dnsperf}
	for _, g := range p.groups {
		for _, t := range g.targets {
			if !slices.ContainsFunc(programs, func(known program) bool { return known.name == t.program.name }) {
				programs = append(programs, t.program)
			}
		}
	}
	var all []version
	for _, program := range programs {
		number, err := program.versionOf()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program.name, err)
		}
		all = append(all, version{program.name, number})
	}
	return all, nil
}
