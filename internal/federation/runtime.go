package federation

import "strings"

// Runtime describes what runs a placement's workload.
type Runtime struct {
	// Class is the pods' runtimeClassName; "" for the node's default.
	Class string
	// Spin is set if the workload is a SpinApp, whose RuntimeClass its executor chooses.
	Spin bool
}

// The kinds of Runtime.
const (
	RuntimeWasm      = "wasm"
	RuntimeContainer = "container"
)

// wasmWords occur in the names of the RuntimeClasses of containerd's WebAssembly shims.
var wasmWords = []string{"wasm", "spin", "slight", "lunatic"}

// Kind returns RuntimeWasm or RuntimeContainer; a virtual machine such as Kata's counts
// as a container.
func (r Runtime) Kind() string {
	for _, word := range wasmWords {
		if r.Spin || strings.Contains(r.Class, word) {
			return RuntimeWasm
		}
	}
	return RuntimeContainer
}

// Capacity says how much of a workload can serve.
type Capacity struct {
	// Desired and Ready count the replicas in one cluster. Extra replicas that exist only
	// during a rollout are not counted as desired.
	Desired, Ready int32
	// Added is how many of the desired replicas were added since all were ready; they
	// have no clients yet.
	Added int32 `json:",omitempty"`
}

// Borne is the number of replicas over which the work is spread: if some of them are not
// ready, the others do their work.
func (c Capacity) Borne() int32 { return c.Desired - c.Added }

// Since returns c with Added, which only a comparison with the previous Capacity shows.
func (c Capacity) Since(before Capacity) Capacity {
	c.Added = max(0, c.Desired-max(before.Borne(), c.Ready))
	return c
}

// Plus adds up the capacity of two workloads.
func (c Capacity) Plus(o Capacity) Capacity {
	return Capacity{Desired: c.Desired + o.Desired, Ready: c.Ready + o.Ready, Added: c.Added + o.Added}
}

// Scarce reports whether fewer replicas are ready than desired.
func (c *Capacity) Scarce() bool { return c != nil && c.Ready < c.Desired }

// Below reports whether a smaller share of c than of o can serve. A Capacity that is nil, or that
// nobody desires, says nothing.
func (c *Capacity) Below(o *Capacity) bool {
	switch {
	case c == nil || c.Desired == 0:
		return false
	case o == nil || o.Desired == 0:
		return true
	}
	return int64(c.Ready)*int64(o.Desired) < int64(o.Ready)*int64(c.Desired)
}

// None reports whether no replica exists and none is desired.
func (c *Capacity) None() bool { return c != nil && c.Desired == 0 && c.Ready == 0 }
