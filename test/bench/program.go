package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// program is a server's program.
type program struct {
	// name is that of the file; debian the package that has it, none for our own,
	// which `make build` leaves in bin.
	name, debian string
	// args has DIR in the place of the configuration's directory.
	args []string
	// version are the arguments with which it prints its version.
	version []string
	// overlaid is set if it expects its package's files in /usr.
	overlaid bool
}

var (
	coreDNS  = program{name: "coredns", args: []string{"-conf", "DIR/Corefile"}, version: []string{"-version"}}
	gdnsd    = program{name: "gdnsd", debian: "gdnsd", args: []string{"-c", "DIR", "start"}, version: []string{"-h"}}
	knot     = program{name: "knotd", debian: "knot-module-geoip", args: []string{"-c", "DIR/knot.conf"}, version: []string{"-V"}}
	nsd      = program{name: "nsd", debian: "nsd", args: []string{"-d", "-c", "DIR/nsd.conf"}, version: []string{"-v"}}
	powerDNS = program{name: "pdns_server", debian: "pdns-backend-geoip", args: []string{"--config-dir=DIR"}, version: []string{"--version"}}
	bind     = program{name: "named", debian: "bind9", args: []string{"-g", "-c", "DIR/named.conf"}, version: []string{"-v"}}
	unbound  = program{name: "unbound", debian: "unbound", args: []string{"-d", "-c", "DIR/unbound.conf"}, version: []string{"-V"}}
	kresd    = program{name: "kresd", debian: "knot-resolver", args: []string{"-n", "-f", strconv.Itoa(runtime.NumCPU()), "-c", "DIR/kresd.conf", "DIR"}, version: []string{"-V"}, overlaid: true}
	dnsperf  = program{name: "dnsperf", debian: "dnsperf", version: []string{"-h"}}
)

// get fetches the program's package, where there is one and the machine lacks it, and
// tries whether it can be run.
func (p program) get() error {
	if p.debian == "" {
		return nil
	}
	found, err := peers.Get(p.name, p.debian)
	if err == nil && p.overlaid {
		_, err = found.Overlaid(nil)
	}
	return err
}

// command returns the program with arguments, in which DIR stands for a directory.
func (p program) command(dir string, args []string) (*exec.Cmd, error) {
	filled := make([]string, len(args))
	for i, arg := range args {
		filled[i] = folder.ReplaceAllLiteralString(arg, dir)
	}
	if p.debian == "" {
		path, err := filepath.Abs(filepath.Join("bin", p.name))
		return exec.Command(path, filled...), err
	}
	found, err := peers.Get(p.name, p.debian)
	if err != nil {
		return nil, err
	}
	if p.overlaid {
		return found.Overlaid(nil, filled...)
	}
	return found.Command(filled...), nil
}

var (
	folder        = regexp.MustCompile(`\bDIR\b`)
	versionNumber = regexp.MustCompile(`(?i)(?:version|server|bind|coredns-)[ )-]*v?(\d+(?:\.\d+)+)`)
)

// versionOf returns the version that the program prints.
func (p program) versionOf() (string, error) {
	cmd, err := p.command("", p.version)
	if err != nil {
		return "", err
	}
	out, _ := cmd.CombinedOutput() // for some it is an error to be asked
	return parseVersion(string(out))
}

func parseVersion(printed string) (string, error) {
	found := versionNumber.FindStringSubmatch(printed)
	if found == nil {
		return "", fmt.Errorf("found no version in %q", printed)
	}
	return found[1], nil
}
