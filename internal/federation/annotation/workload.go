package annotation

import (
	"fmt"
	"strings"

	"github.com/nearcast/nearcast/internal/base/typo"
	"github.com/nearcast/nearcast/internal/federation"
)

// parseWorkload parses "Kind/name" or "Kind.group/name".
func parseWorkload(v, namespace string) (federation.Ref, error) {
	resource, name, ok := strings.Cut(v, "/")
	kindName, group, grouped := strings.Cut(resource, ".")
	if !ok || kindName == "" || name == "" || strings.Contains(name, "/") || grouped && group == "" {
		return federation.Ref{}, fmt.Errorf("%q is not Kind/name or Kind.group/name, such as Deployment/web or Rollout.argoproj.io/web", v)
	}
	if !grouped {
		var known bool
		if group, known = federation.GroupOf(kindName); !known {
			group = federation.AnyGroup
			if near := typo.Nearest(kindName, federation.KindNames()); near != "" {
				return federation.Ref{}, fmt.Errorf("%q: unknown kind %s; did you mean %s? Otherwise write %s.group/%s", v, kindName, near, kindName, name)
			}
		}
	}
	return federation.Ref{Group: group, Kind: kindName, Namespace: namespace, Name: name}, nil
}
