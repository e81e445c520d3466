package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// part is one template file of the chart: a directory of manifests/nearcast, and the condition under which it is in
// the release.
type part struct{ folder, when string }

var parts = []part{
	{"daemonset", `eq .Values.variant "daemonset"`},
	{"deployment", `eq .Values.variant "deployment"`},
	{"monitoring", `.Values.monitoring`},
}

// values replace what is specific in the manifests. The images are those of the chart's own values.
func values(of images) *strings.Replacer {
	return strings.NewReplacer(
		"namespace: nearcast-system", "namespace: {{ .Release.Namespace }}",
		"namespace: nearcast-resolver", "namespace: {{ .Release.Namespace }}",
		"image: "+of.Resolver, "image: {{ .Values.image | quote }}",
		"image: "+of.Speaker, "image: {{ .Values.speakerImage | quote }}",

		"secretName: karmada-access", "secretName: {{ .Values.karmadaSecret | quote }}",
		"cluster: unnamed", "cluster: {{ .Values.cluster | quote }}",
		"fn.example.org", "{{ .Values.zone }}",
		"198.51.100.53", "{{ .Values.address }}",
	)
}

// overrides are what may replace a file of the ConfigMap, by its name: a condition, and the replacement. FILE is
// the template that has the file.
var overrides = map[string]struct{ when, instead string }{
	"Corefile":      {".Values.corefile", "tpl .Values.corefile ."},
	"locations.csv": {".Values.locations", ".Values.locations"},
	"speaker.yaml":  {".Values.speaker", `mergeOverwrite (include FILE . | fromYaml) .Values.speaker | toYaml`},
}

// template returns the text of the part's file, with values in it.
func (p part) template(objects []object, values *strings.Replacer) (string, error) {
	var text strings.Builder
	for _, o := range objects {
		p.define(&text, o, values)
	}
	fmt.Fprintf(&text, "{{- if %s }}\n", p.when)
	for _, o := range objects {
		sized(o)
		if err := p.object(&text, o, values); err != nil {
			return "", err
		}
	}
	text.WriteString("{{- end }}\n")
	return text.String(), nil
}

// named returns the name of the template that has a file of the ConfigMap.
func (p part) named(file string) string { return "nearcast." + p.folder + "." + file }

// define writes the templates of a ConfigMap's files.
func (p part) define(text *strings.Builder, o object, values *strings.Replacer) {
	_, files := split(o)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(text, "{{- define %q -}}\n%s{{- end }}\n", p.named(name), values.Replace(files[name]))
	}
}

// split returns an object, and those of its files that values may replace.
func split(o object) (rest object, files map[string]string) {
	data, there := o["data"].(object)
	if !there {
		return o, nil
	}
	rest, files = maps.Clone(o), map[string]string{}
	short := maps.Clone(data)
	for name := range overrides {
		if content, there := data[name]; there {
			files[name] = fmt.Sprint(content)
			delete(short, name)
		}
	}
	rest["data"] = short
	return rest, files
}

func (p part) object(text *strings.Builder, o object, values *strings.Replacer) error {
	if strings.Contains(fmt.Sprint(o), "{{") {
		return fmt.Errorf("%s: %s contains {{, which Helm takes for a template", p.folder, o["kind"])
	}
	rest, files := split(o)
	data := rest["data"]
	delete(rest, "data") // written last, so that files can follow
	text.WriteString("---\n")
	if err := marshal(text, rest, values); err != nil || data == nil {
		return err
	}
	if err := marshal(text, object{"data": data}, values); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p.file(text, name)
	}
	return nil
}

// marshal writes a part of an object, with values in it.
func marshal(text *strings.Builder, o object, values *strings.Replacer) error {
	out, err := yaml.Marshal(o)
	text.WriteString(memoryValues().Replace(values.Replace(string(out))))
	return err
}

// file writes the choice between a file and the value that may replace it.
func (p part) file(text *strings.Builder, name string) {
	o := overrides[name]
	instead := strings.ReplaceAll(o.instead, "FILE", fmt.Sprintf("%q", p.named(name)))
	fmt.Fprintf(text, `  %s: |
    {{- if %s }}
    {{- %s | nindent 4 }}
    {{- else }}
    {{- include %q . | nindent 4 }}
    {{- end }}
`, name, o.when, instead, p.named(name))
}
