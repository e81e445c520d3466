package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/test/machine"
)

// setting is the machine and the programs.
type setting struct {
	machine.Machine
	Versions []version
}

type version struct{ program, number string }

// thisMachine describes the machine, and the programs of the plan.
func thisMachine(p plan) (s setting, err error) {
	if s.Machine, err = machine.Describe("test/bench/RESULTS*"); err != nil {
		return s, err
	}
	s.Versions, err = p.versions()
	return s, err
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

func (s setting) markdown() string {
	var b strings.Builder
	b.WriteString("\n## Machine and versions\n\n" + s.Markdown())
	for _, v := range s.Versions {
		fmt.Fprintf(&b, "| %s | %s |\n", v.program, v.number)
	}
	return b.String()
}
