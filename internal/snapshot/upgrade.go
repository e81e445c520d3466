package snapshot

import "slices"

// upgrade2 adds to an item of format 2 what it does not say.
func (i *item) upgrade2() {
	switch {
	case i.Template != nil:
		i.Template.Balanced = i.Template.Kind == "Ingress"
	case i.Binding != nil && i.Binding.Resource.IsKnative():
		// They had no least scale: none may be woken.
		for _, m := range slices.Clone(i.Binding.Members) {
			seen := m.Observed()
			seen.Idle = true
			i.Binding.Observe(m.Cluster(), seen)
		}
	}
}
