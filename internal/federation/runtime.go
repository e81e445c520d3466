package federation

import "strings"

// Runtime is what a placement's workload runs in.
type Runtime struct {
	// Class is the pods' runtimeClassName; "" for the node's default.
	Class string
	// Spin is set where the workload is a SpinApp, whose RuntimeClass its executor chooses.
	Spin bool
}

// The kinds of Runtime.
const (
	RuntimeWasm      = "wasm"
	RuntimeContainer = "container"
)

// wasmWords are in the names of the RuntimeClasses that containerd's WebAssembly
// shims are installed with.
var wasmWords = []string{"wasm", "spin", "slight", "lunatic"}

// Kind returns RuntimeWasm or RuntimeContainer; a virtual machine such as Kata's
// counts as a container.
func (r Runtime) Kind() string {
	for _, word := range wasmWords {
		if r.Spin || strings.Contains(r.Class, word) {
			return RuntimeWasm
		}
	}
	return RuntimeContainer
}

// Capacity is how much of a workload can serve.
type Capacity struct {
	// Desired and Ready count replicas in one cluster. Those that a rollout adds beside
	// the others for its time are not desired.
	Desired, Ready int32
	// Full is how many were ready when all that were desired then were; 0 where it is as
	// many as are desired now. What has been added since has no clients yet.
	Full int32 `json:",omitempty"`
}

// Borne is how many replicas the work was spread over: those of them that are not
// ready are lost, and the others do their work.
func (c Capacity) Borne() int32 {
	if c.Full == 0 {
		return c.Desired
	}
	return min(c.Full, c.Desired)
}

// since returns c with what it says of itself only by what was before.
func (c Capacity) since(before Capacity) Capacity {
	if c.Full = max(before.Borne(), c.Ready); c.Full >= c.Desired {
		c.Full = 0
	}
	return c
}

// plus is the capacity of two workloads together.
func (c Capacity) plus(o Capacity) Capacity {
	sum := Capacity{Desired: c.Desired + o.Desired, Ready: c.Ready + o.Ready, Full: c.Borne() + o.Borne()}
	if sum.Full == sum.Desired {
		sum.Full = 0
	}
	return sum
}

// scarce reports whether not all that are desired are ready.
func (c *Capacity) scarce() bool { return c != nil && c.Ready < c.Desired }
