package main

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is a Kubernetes object as YAML decodes it.
type object = map[string]any

// build returns the objects of a kustomization. It omits Namespaces, which whoever installs a chart chooses.
func build(folder string) ([]object, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	var all []object
	for _, r := range built.Resources() {
		o, err := r.Map()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		if o["kind"] != "Namespace" {
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: kustomize builds nothing but namespaces from it", folder)
	}
	return all, nil
}
