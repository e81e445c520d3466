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
	// Added is how many of those desired have been added since all were ready, and have
	// no clients yet.
	Added int32 `json:",omitempty"`
}

// Borne is how many replicas the work is spread over: those of them that are not ready
// are lost, and the others do their work.
func (c Capacity) Borne() int32 { return c.Desired - c.Added }

// since returns c with what it says of itself only by what was before.
func (c Capacity) since(before Capacity) Capacity {
	c.Added = max(0, c.Desired-max(before.Borne(), c.Ready))
	return c
}

// plus is the capacity of two workloads together.
func (c Capacity) plus(o Capacity) Capacity {
	return Capacity{Desired: c.Desired + o.Desired, Ready: c.Ready + o.Ready, Added: c.Added + o.Added}
}

// scarce reports whether not all that are desired are ready.
func (c *Capacity) scarce() bool { return c != nil && c.Ready < c.Desired }

// none reports whether there is no replica, and none is desired.
func (c *Capacity) none() bool { return c != nil && c.Desired == 0 && c.Ready == 0 }
