// Package usage reads what processes have used, for benchmarks and tests at scale.
package usage

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc's times; Linux fixes it for user space.
const clockTick = 10 * time.Millisecond

// process is a line of /proc/PID/stat, as far as it is used.
type process struct {
	pid, parent int
	// cpu is user and system time.
	cpu time.Duration
}

// parseStat reads a line of /proc/PID/stat.
func parseStat(line string) (process, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')') // the name may hold either
	if open < 0 || end < open {
		return process{}, fmt.Errorf("stat %q has no name", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 13 {
		return process{}, fmt.Errorf("stat %q is too short", line)
	}
	numbers := make([]int, 0, 4)
	for _, field := range []string{strings.TrimSpace(line[:open]), fields[1], fields[11], fields[12]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return process{}, fmt.Errorf("stat %q: %w", line, err)
		}
		numbers = append(numbers, n)
	}
	return process{pid: numbers[0], parent: numbers[1], cpu: time.Duration(numbers[2]+numbers[3]) * clockTick}, nil
}

// family returns the process and all below it: NSD has a process per core.
func family(pid int) ([]process, error) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	children := map[int][]process{}
	var all []process
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(string(line))
		if err != nil {
			return nil, err
		}
		if p.pid == pid {
			all = append(all, p)
		}
		children[p.parent] = append(children[p.parent], p)
	}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].pid]...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("process %d has ended", pid)
	}
	return all, nil
}

// CPU returns the user and system time of a process and those below it, in steps of
// the kernel's 10 ms.
func CPU(pid int) (time.Duration, error) {
	all, err := family(pid)
	var sum time.Duration
	for _, p := range all {
		sum += p.cpu
	}
	return sum, err
}

// Bytes is memory of a process and those below it.
type Bytes struct {
	// Proportional is the proportional set size: a page that processes share counts once.
	Proportional int64
	// Resident is what the kernel holds for them, a shared page for each.
	Resident int64
	// Anonymous is the part of Resident that is not of files: what the kernel cannot drop
	// and read again.
	Anonymous int64
}

// Most is the larger of each.
func (b Bytes) Most(other Bytes) Bytes {
	return Bytes{max(b.Proportional, other.Proportional), max(b.Resident, other.Resident), max(b.Anonymous, other.Anonymous)}
}

// parseRollup reads /proc/PID/smaps_rollup.
func parseRollup(text string) (b Bytes, err error) {
	wanted := map[string]*int64{"Pss:": &b.Proportional, "Rss:": &b.Resident, "Anonymous:": &b.Anonymous}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" || wanted[fields[0]] == nil {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return Bytes{}, fmt.Errorf("smaps_rollup %q: %w", line, err)
		}
		*wanted[fields[0]] = kib << 10
		delete(wanted, fields[0])
	}
	if len(wanted) > 0 {
		return Bytes{}, fmt.Errorf("smaps_rollup %q lacks a size", text)
	}
	return b, nil
}

// Memory returns what a process and those below it have in memory.
func Memory(pid int) (Bytes, error) {
	all, err := family(pid)
	if err != nil {
		return Bytes{}, err
	}
	var sum Bytes
	for _, p := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil {
			return Bytes{}, err
		}
		b, err := parseRollup(string(text))
		if err != nil {
			return Bytes{}, fmt.Errorf("process %d: %w", p.pid, err)
		}
		sum = Bytes{sum.Proportional + b.Proportional, sum.Resident + b.Resident, sum.Anonymous + b.Anonymous}
	}
	return sum, nil
}

// Threads is what the threads of a process have done since they began.
type Threads struct {
	// CPU is exact, unlike that of the function CPU.
	CPU time.Duration
	// Sleeps is how often one went to sleep: something woke it, and its processor, each time.
	Sleeps int
}

// ThreadsOf returns the sum of a process's threads, without those that have ended.
func ThreadsOf(pid int) (sum Threads, err error) {
	folders, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // the pattern is well formed
	if len(folders) == 0 {
		return sum, fmt.Errorf("process %d has ended", pid)
	}
	for _, folder := range folders {
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil {
			continue // it has ended
		}
		sleeps, err := numberAfter(string(status), "voluntary_ctxt_switches:")
		if err != nil {
			return sum, err
		}
		schedule, err := os.ReadFile(filepath.Join(folder, "schedstat"))
		if err != nil {
			return sum, err
		}
		nanoseconds, _, _ := strings.Cut(string(schedule), " ")
		ran, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			return sum, fmt.Errorf("schedstat %q: %w", schedule, err)
		}
		sum = Threads{sum.CPU + time.Duration(ran), sum.Sleeps + sleeps}
	}
	return sum, nil
}

// LoopbackOctets returns what has gone over loopback where the process is, with the headers
// of IP.
func LoopbackOctets(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return 0, err
	}
	return numberAfter(string(text), "lo:")
}

// numberAfter returns the number that follows a word at the beginning of a line.
func numberAfter(text, word string) (int, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == word {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("there is no line of %q", word)
}
