package federation

import (
	"fmt"
	"strings"
)

// parseWorkload parses "Kind/name" or "Kind.group/name".
func parseWorkload(v, namespace string) (Ref, error) {
	resource, name, ok := strings.Cut(v, "/")
	kindName, group, grouped := strings.Cut(resource, ".")
	if !ok || kindName == "" || name == "" || strings.Contains(name, "/") || grouped && group == "" {
		return Ref{}, fmt.Errorf("%q is not Kind/name or Kind.group/name, such as Deployment/web or Rollout.argoproj.io/web", v)
	}
	if !grouped {
		known := false
		if group, known = GroupOf(kindName); !known {
			group = AnyGroup
			if near := nearestWord(kindName, KindNames()); near != "" {
				return Ref{}, fmt.Errorf("%q: kind %s is not known; did you mean %s? Otherwise write %s.group/%s", v, kindName, near, kindName, name)
			}
		}
	}
	return Ref{Group: group, Kind: kindName, Namespace: namespace, Name: name}, nil
}
