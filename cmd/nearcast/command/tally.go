package command

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// units are what check reads, in the order of its output.
var units = []string{
	unitBlock, unitCluster, unitFunction, unitBinding, unitWorkload, unitBackend, unitService, unitLocation, unitDatabase, unitZone, unitRule, unitPeer, unitVIP,
}

const (
	unitBlock    = "server block"
	unitCluster  = "cluster"
	unitFunction = "function"
	unitBinding  = "binding"
	unitWorkload = "workload"
	unitBackend  = "other Service"
	unitService  = "multi-cluster service"
	unitLocation = "location line"
	unitDatabase = "GeoIP database"
	unitZone     = "policy zone"
	unitRule     = "policy-zone rule"
	unitPeer     = "peer"
	unitVIP      = "VIP"
)

// tally counts what was read of each unit, by file: a file that is read twice counts once.
type tally map[string]map[string]int

func (t tally) set(file, unit string, n int) {
	if n == 0 {
		return
	}
	file = whole(file)
	if t[file] == nil {
		t[file] = map[string]int{}
	}
	t[file][unit] = n
}

// whole returns the absolute name of a file with all links resolved, so that each file has one
// name.
func whole(file string) string {
	if actual, err := filepath.EvalSymlinks(file); err == nil {
		file = actual
	}
	if full, err := filepath.Abs(file); err == nil {
		return full
	}
	return file
}

// objects counts the objects in manifests.
func (t tally) objects(all []federation.Object) {
	type place struct{ file, unit string }
	counts := map[place]int{}
	for _, o := range all {
		unit := unitFunction
		switch o.(type) {
		case *federation.Cluster:
			unit = unitCluster
		case *federation.Binding:
			unit = unitBinding
		case *federation.Workload:
			unit = unitWorkload
		case *federation.Backend:
			unit = unitBackend
		case *federation.MultiClusterService:
			unit = unitService
		}
		counts[place{federation.MetaOf(o).File, unit}]++
	}
	for at, n := range counts {
		t.set(at.file, at.unit, n)
	}
}

func (t tally) add(o tally) {
	for file, counts := range o {
		for unit, n := range counts {
			t.set(file, unit, n)
		}
	}
}

// String says what was read, and in how many files.
func (t tally) String() string {
	var parts []string
	for _, unit := range units {
		n := 0
		for _, counts := range t {
			n += counts[unit]
		}
		if n > 0 {
			parts = append(parts, count(n, unit))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ") + " in " + count(len(t), "file")
}

// count returns a number and its unit, in the plural unless the number is one.
func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
