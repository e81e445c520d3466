package main

import "strings"

// resolver is the container whose memory is a value.
const resolver = "coredns"

// What stands in the resolver's container until templates take its place: the speaker's has equal settings, which
// stay as they are.
const memoryLimit, memoryRequest, collectorLimit = "MEMORY-LIMIT", "MEMORY-REQUEST", "COLLECTOR-LIMIT"

// memoryValues replace them. Beside what Go's collector counts, a container has the program's pages and the
// kernel's buffers: 24 MiB, or an eighth of a large one.
func memoryValues() *strings.Replacer {
	return strings.NewReplacer(
		memoryLimit, `{{ int .Values.memory }}Mi`,
		memoryRequest, `{{ min 128 (int .Values.memory) }}Mi`,
		collectorLimit, `{{ min (sub (int .Values.memory) 24) (div (mul 7 (int .Values.memory)) 8) }}MiB`,
	)
}

// sized prepares the memory of an object's containers, if it has any, to be a value.
func sized(o object) {
	spec, _ := at(o, "spec", "template", "spec").(object)
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			if container, _ := c.(object); container["name"] == resolver {
				sizedContainer(container)
			}
		}
	}
}

func sizedContainer(container object) {
	at(container, "resources", "limits").(object)["memory"] = memoryLimit
	at(container, "resources", "requests").(object)["memory"] = memoryRequest
	for _, v := range container["env"].([]any) {
		if variable := v.(object); variable["name"] == "GOMEMLIMIT" {
			variable["value"] = collectorLimit
		}
	}
}

// at returns what an object has below keys, or nil.
func at(o object, keys ...string) any {
	for _, key := range keys[:len(keys)-1] {
		o, _ = o[key].(object)
	}
	return o[keys[len(keys)-1]]
}
