package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

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
}

var (
	coreDNS  = program{"coredns", "", []string{"-conf", "DIR/Corefile"}, []string{"-version"}}
	gdnsd    = program{"gdnsd", "gdnsd", []string{"-c", "DIR", "start"}, []string{"-h"}}
	knot     = program{"knotd", "knot-module-geoip", []string{"-c", "DIR/knot.conf"}, []string{"-V"}}
	nsd      = program{"nsd", "nsd", []string{"-d", "-c", "DIR/nsd.conf"}, []string{"-v"}}
	powerDNS = program{"pdns_server", "pdns-backend-geoip", []string{"--config-dir=DIR"}, []string{"--version"}}
	bind     = program{"named", "bind9", []string{"-g", "-c", "DIR/named.conf"}, []string{"-v"}}
	unbound  = program{"unbound", "unbound", []string{"-d", "-c", "DIR/unbound.conf"}, []string{"-V"}}
	dnsperf  = program{name: "dnsperf", debian: "dnsperf", version: []string{"-h"}}
)

// get fetches the program's package, where there is one and the machine lacks it.
func (p program) get() error {
	if p.debian == "" {
		return nil
	}
	_, err := peers.Get(p.name, p.debian)
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
