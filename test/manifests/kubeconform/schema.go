package kubeconform

import "maps"

// schema is a JSON schema, or a part of one.
type schema = map[string]any

// strict returns an OpenAPI schema as kubeconform's own converter makes one of it:
// a field that is not among an object's properties is refused. It differs from that
// where the converter refuses what an API server takes: objects that keep unknown
// fields, conditions that name some properties only, and values that may be null.
func strict(s schema) schema {
	out := maps.Clone(s)
	for _, key := range []string{"properties", "definitions", "schemas", "patternProperties"} {
		if all, ok := out[key].(schema); ok {
			out[key] = each(all)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if one, ok := out[key].(schema); ok {
			out[key] = strict(one)
		}
	}
	if _, closed := out["additionalProperties"]; !closed && out["properties"] != nil && out["x-kubernetes-preserve-unknown-fields"] != true {
		out["additionalProperties"] = false
	}
	if kind, ok := out["type"].(string); ok && out["nullable"] == true {
		out["type"] = []any{kind, "null"}
	}
	return out
}

func each(all schema) schema {
	out := schema{}
	for name, one := range all {
		out[name] = one
		if one, ok := one.(schema); ok {
			out[name] = strict(one)
		}
	}
	return out
}

// whole adds what every object has, which a definition need not repeat.
func whole(s schema) schema {
	out := maps.Clone(s)
	properties, _ := out["properties"].(schema)
	properties = maps.Clone(properties)
	if properties == nil {
		properties = schema{}
	}
	for name, kind := range map[string]string{"apiVersion": "string", "kind": "string", "metadata": "object"} {
		if properties[name] == nil {
			properties[name] = schema{"type": kind}
		}
	}
	out["properties"] = properties
	return out
}
