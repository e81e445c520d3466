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
	// Desired and Ready count replicas in one cluster.
	Desired, Ready int32
}
