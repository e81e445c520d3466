package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"github.com/nearcast/nearcast/lab"
)

// Function is what is called, in every runtime.
type Function struct {
	// Name is its title and the first part of its names in the DNS.
	Name, Module string
	// Method, URI and Body are the call; Status is the reply's.
	Method, URI, Body string
	Status            int
	// Store is the country of the service that it keeps data in; "" is that of the
	// cluster, and "-" none.
	Store string
	// Sparse functions are measured in few of the rounds.
	Sparse bool
}

const registration = `{"name":"Ana","email":"ana@example.org","password":"correct horse battery staple"}`

// Functions are measured. The paper's user-manager keeps its data beside the
// cluster, or in one country for all.
var Functions = []Function{
	{Name: "user-manager", Module: "usermanager", Method: "POST", URI: "/users", Body: registration, Status: 201},
	{Name: "user-manager-one-store", Module: "usermanager", Method: "POST", URI: "/users", Body: registration, Status: 201, Store: "de", Sparse: true},
	{Name: "n-body", Module: "nbody", Method: "GET", URI: "/?steps=20000", Status: 200, Store: "-", Sparse: true},
}

// label is the first label of a function's name in a runtime.
func (f Function) label(runtime string) string { return f.Name + "-" + runtime }

// Route is a name of a function, by who may answer for it.
type Route struct {
	Label, Policy, Probe string
	Sites                []string
}

// routes are by the nearest cluster, by every cluster, and by each alone.
func routes() []Route {
	all := []Route{
		{Label: "nearest", Policy: "nearest", Probe: "http:///healthz", Sites: functionSites()},
		{Label: "any", Policy: "spread", Probe: "none", Sites: functionSites()},
	}
	for _, site := range functionSites() {
		all = append(all, Route{Label: "at-" + site, Policy: "nearest", Probe: "none", Sites: []string{site}})
	}
	return all
}

// hostname is a function's name in the DNS.
func hostname(f Function, runtime, route string) string {
	return f.label(runtime) + "." + route + ".demo." + lab.Zone + "."
}

// workloads are the functions in every runtime.
func (w *World) workloads() (all []lab.Workload) {
	for _, f := range w.functions {
		for _, runtime := range lab.Runtimes {
			all = append(all, lab.Workload{Name: f.label(runtime), Module: f.Module, Runtime: runtime, Env: func(cluster string) []string { return w.settings(f, cluster) }})
		}
	}
	return all
}

// declaration is a function with one route, as the Karmada API has it.
var declaration = template.Must(template.New("").Parse(`---
apiVersion: v1
kind: Service
metadata:
  name: {{.Name}}
  namespace: demo
  labels: {nearcast.dev/function: "true"}
  annotations:
    nearcast.dev/hostname: {{.Hostname}}
    nearcast.dev/policy: {{.Policy}}
    nearcast.dev/probe: {{.Probe}}
spec:
  selector: {app: {{.Name}}}
  ports:
  - {name: http, port: 80, targetPort: 8080}
---
apiVersion: work.karmada.io/v1alpha2
kind: ResourceBinding
metadata: {name: {{.Name}}-service, namespace: demo}
spec:
  resource: {apiVersion: v1, kind: Service, name: {{.Name}}, namespace: demo}
  clusters:
{{- range .Sites}}
  - {name: {{.}}}
{{- end}}
status:
  aggregatedStatus:
{{- range .Sites}}
  - {clusterName: {{.}}, applied: true, health: Healthy}
{{- end}}
`))

// declare writes the functions with all their routes beside the lab's own, and says
// where the clients are.
func (w *World) declare(dir string) error {
	var text bytes.Buffer
	for _, f := range w.functions {
		for _, runtime := range lab.Runtimes {
			for _, r := range routes() {
				name := hostname(f, runtime, r.Label)
				err := declaration.Execute(&text, struct {
					Route
					Name, Hostname string
				}{r, f.label(runtime) + "-" + r.Label, name[:len(name)-1]})
				if err != nil {
					return err
				}
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "manifests", "evaluation.yaml"), text.Bytes(), 0o644); err != nil {
		return err
	}
	table := filepath.Join(dir, "locations.csv")
	known, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	return os.WriteFile(table, slices.Concat(known, []byte(locations)), 0o644)
}
