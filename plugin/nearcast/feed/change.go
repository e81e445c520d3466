package feed

import (
	"slices"
	"strings"
)

// Change is the change of one name: Before is nil if it is new, After if it is gone.
type Change struct{ Before, After *Node }

func (c Change) owner() string {
	if c.Before != nil {
		return c.Before.Owner
	}
	return c.After.Owner
}

func (c Change) size() int { return c.Before.size() + c.After.size() }

// same reports whether nothing has changed.
func (c Change) same() bool {
	if c.Before == nil || c.After == nil {
		return c.Before == c.After
	}
	return c.Before.body == c.After.body
}

// join merges the changes of each name, in the order in which they came, and sorts them. It omits changes that
// cancel out.
func join(changes []Change) []Change {
	slices.SortStableFunc(changes, func(a, b Change) int { return strings.Compare(a.owner(), b.owner()) })
	joined := changes[:0]
	for len(changes) > 0 {
		owner, of := changes[0].owner(), 1
		for of < len(changes) && changes[of].owner() == owner {
			of++
		}
		joined = append(joined, Change{changes[0].Before, changes[of-1].After})
		changes = changes[of:]
	}
	return slices.DeleteFunc(joined, Change.same)
}

// swaps makes changes from the nodes that were given up and those that exist now. A name may be in both, if one
// function gave it to another.
func swaps(before, after []*Node) []Change {
	was, is := slices.SortedFunc(slices.Values(before), compareNodes), slices.SortedFunc(slices.Values(after), compareNodes)
	return difference(was, is)
}

// difference compares two contents, which are sorted.
func difference(before, after []*Node) []Change {
	var all []Change
	for len(before) > 0 || len(after) > 0 {
		var c Change
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Owner < after[0].Owner:
			c.Before, before = before[0], before[1:]
		case len(before) == 0 || after[0].Owner < before[0].Owner:
			c.After, after = after[0], after[1:]
		default:
			c = Change{before[0], after[0]}
			before, after = before[1:], after[1:]
		}
		if c.Before != c.After && !c.same() {
			all = append(all, c)
		}
	}
	return all
}

// apply returns the content with the changes, which are sorted too.
func apply(nodes []*Node, changes []Change) []*Node {
	if replaced, ok := replace(nodes, changes); ok {
		return replaced
	}
	all := make([]*Node, 0, len(nodes)+len(changes))
	for _, c := range changes {
		at, found := slices.BinarySearchFunc(nodes, c.owner(), func(n *Node, owner string) int { return strings.Compare(n.Owner, owner) })
		all = append(all, nodes[:at]...)
		nodes = nodes[at:]
		if found {
			nodes = nodes[1:]
		}
		if c.After != nil {
			all = append(all, c.After)
		}
	}
	return append(all, nodes...)
}

// replace is apply for changes in which no name comes or goes, as in most.
func replace(nodes []*Node, changes []Change) ([]*Node, bool) {
	all := slices.Clone(nodes)
	for _, c := range changes {
		at, found := slices.BinarySearchFunc(all, c.owner(), func(n *Node, owner string) int { return strings.Compare(n.Owner, owner) })
		if !found || c.After == nil {
			return nil, false
		}
		all[at] = c.After
	}
	return all, true
}
