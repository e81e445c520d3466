package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// groupName matches valid group names, none of which looks like an address.
var groupName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

// ownKeys are keys that a group cannot set, because they identify the peer's router.
var ownKeys = []string{"address", "interface", "gateway", "group"}

// inherit gives each peer the keys of its group that the peer does not set. What counts is whether
// the file has the key: a peer's own key takes precedence even with an empty value.
func (c *Config) inherit(root *yaml.Node, found *faults) {
	keys := map[string][]string{} // by group
	eachPair(valueOf(root, "groups"), func(name, group *yaml.Node) {
		keys[name.Value] = keysOfNode(group)
		checkGroup(name.Value, keys[name.Value], found.add)
	})
	for i, node := range elementsOf(valueOf(root, "peers")) {
		p := &c.Peers[i]
		group, known := c.Groups[p.Group]
		switch {
		case p.Group == "":
			continue
		case !known:
			found.add(fmt.Sprintf("peers[%d].group", i), "%q is not in groups, which has %s", p.Group, listOf(slices.Sorted(maps.Keys(c.Groups))))
			continue
		}
		own := keysOfNode(node)
		for _, key := range keys[p.Group] {
			if slices.Contains(own, key) {
				continue
			}
			from, _ := fieldWith(reflect.ValueOf(&group).Elem(), key)
			to, _ := fieldWith(reflect.ValueOf(p).Elem(), key)
			to.Set(from)
			found.inherit(i, key, p.Group)
		}
	}
}

func checkGroup(name string, keys []string, fault faultFunc) {
	at := "groups." + name
	if !groupName.MatchString(name) {
		fault(at, "%q is not a valid name: write a letter, then up to 62 letters, digits, - and _", name)
	}
	for _, key := range ownKeys {
		if slices.Contains(keys, key) {
			fault(at+"."+key, "cannot be set for a group; set it in peers")
		}
	}
}

// checkGroups reports groups with the name of a peer: lists can name both.
func (c *Config) checkGroups(fault faultFunc) {
	for i := range c.Peers {
		name := c.Peers[i].Name()
		if _, is := c.Groups[name]; is {
			fault("groups."+name, "peers[%d] has this name; choose another for the group", i)
		}
	}
}

// warnOfGroups reports groups without a peer.
func (c *Config) warnOfGroups(warn faultFunc) {
	used := map[string]bool{}
	for i := range c.Peers {
		used[c.Peers[i].Group] = true
	}
	for name := range c.Groups {
		if !used[name] {
			warn("groups."+name, "has no effect: no peer has group: %s", name)
		}
	}
}

// fieldWith returns the struct's field for the key.
func fieldWith(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if option == "inline" {
			if inner, ok := fieldWith(v.Field(i), key); ok {
				return inner, true
			}
		}
		if name == key && name != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// listOf names the first few names, and how many others there are.
func listOf(names []string) string {
	const few = 8
	switch more := len(names) - few; {
	case len(names) == 0:
		return "none"
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), more)
	}
	return strings.Join(names, ", ")
}
