package lab

import "fmt"

// Runtimes are the ways in which a cluster runs a function.
var Runtimes = []string{"wasm", "cold", "warm"}

// Workload is a function as a cluster runs it.
type Workload struct {
	// Name is the first label of the function's name in the DNS.
	Name string
	// Module is the program: a name of the package functions.
	Module string
	// Runtime is wasm (a fresh WebAssembly instance for each call), cold (a process
	// for each call) or warm (a process that stays).
	Runtime string
	// Env returns additional settings for a cluster's instances, as NAME=VALUE; nil for none.
	Env func(cluster string) []string
}

// workloads are those of the lab's manifests. Any other function is served like the first.
var workloads = []Workload{
	{Name: "hello", Module: "hello", Runtime: "wasm"},
	{Name: "thumbnail", Module: "hello", Runtime: "cold"},
	{Name: "archive", Module: "hello", Runtime: "warm"},
}

// runtimesAt makes the runtimes of a cluster's workloads.
func runtimesAt(cluster string, all []Workload, programs string, engine *engine, log string) (map[string]runtime, error) {
	made := map[string]runtime{}
	for _, w := range all {
		env := []string{"CLUSTER=" + cluster}
		if w.Env != nil {
			env = append(env, w.Env(cluster)...)
		}
		native := program{path: programs + "/" + w.Module, env: env, log: log}
		switch w.Runtime {
		case "wasm":
			module, err := engine.compile(programs + "/" + w.Module + ".wasm")
			if err != nil {
				return nil, err
			}
			made[w.Name] = &wasm{engine: engine, module: module, env: env}
		case "cold":
			made[w.Name] = cold{native}
		case "warm":
			made[w.Name] = &warm{program: native}
		default:
			return nil, fmt.Errorf("lab: %s: unknown runtime %q; known runtimes: %v", w.Name, w.Runtime, Runtimes)
		}
	}
	return made, nil
}
