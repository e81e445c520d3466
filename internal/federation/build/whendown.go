package build

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// whenDown returns what the template says is answered while everything of its function is down; nil
// if it does not say it, or may not have all of its fallback.
func (b *pass) whenDown(t *federation.Template, hostnames []string) *policy.WhenDown {
	w, key, option := t.WhenDown, annotation.WhenDown, ""
	if w == nil && t.Policy != nil {
		w, key, option = t.Policy.WhenDown, annotation.Policy, "when-down: "
	}
	if w == nil {
		return nil
	}
	for _, a := range w.Addresses {
		if err := b.Claims.AllowAnnotated(t.Namespace, a); err != nil {
			b.fault(t, key, "%s%v", option, err)
			return nil
		}
	}
	apex := func(name string) bool { return slices.Contains(b.Zones, name) }
	if i := slices.IndexFunc(hostnames, apex); i >= 0 && w.Name != "" {
		b.fault(t, key, "%s%s is a zone's own name, which cannot be an alias: name addresses", option, hostnames[i])
		return nil
	}
	if slices.Contains(hostnames, w.Name) {
		b.fault(t, key, "%s%s is a name of the function itself; name another", option, w.Name)
		return nil
	}
	return w
}
