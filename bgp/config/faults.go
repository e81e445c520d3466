package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// faultFunc reports a fault of a key, which is relative to what is checked.
type faultFunc func(key, format string, args ...any)

// under returns a faultFunc for keys below the given key.
func (f faultFunc) under(above string) faultFunc {
	return func(key, format string, args ...any) {
		if key != "" {
			key = "." + key
		}
		f(above+key, format, args...)
	}
}

// faults collects all faults of a file, with their lines.
type faults struct {
	lines map[string]int // by key, such as peers[0].holdTime
	// groups maps a peer's key to the key of its group that supplied it, such as
	// groups.tor.holdTime.
	groups map[string]string
	found  []fault
}

type fault struct {
	line int
	text string
	// of names whose value it is if a group gives it to several; "" for the key's own.
	of   string
	more int // how many others
}

func (f *faults) add(key, format string, args ...any) {
	at, of := f.place(key)
	line := f.line(at)
	text := fmt.Sprintf("%s: %s", at, fmt.Sprintf(format, args...))
	if line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	if i := slices.IndexFunc(f.found, func(o fault) bool { return of != "" && o.text == text }); i >= 0 {
		f.found[i].more++
		return
	}
	f.found = append(f.found, fault{line: line, text: text, of: of})
}

// inherit records that the peer has the key from the group.
func (f *faults) inherit(peer int, key, group string) {
	if f.groups == nil {
		f.groups = map[string]string{}
	}
	f.groups[fmt.Sprintf("peers[%d].%s", peer, key)] = "groups." + group + "." + key
}

// place returns the key that holds the value in the file, and the peer if that key is its group's.
func (f *faults) place(key string) (at, of string) {
	peer, rest, _ := strings.Cut(key, ".")
	end := len(rest)
	if i := strings.IndexAny(rest, ".["); i >= 0 {
		end = i
	}
	if group, is := f.groups[peer+"."+rest[:end]]; is {
		return group + rest[end:], peer
	}
	return key, ""
}

// line returns the line of the key, or of the mapping that would contain it.
func (f *faults) line(key string) int {
	for key != "" {
		if line := f.lines[key]; line > 0 {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}

// err returns all faults, in file order.
func (f *faults) err() error { return errors.Join(f.all("")...) }

// in returns all faults, in file order and with the path.
func (f *faults) in(path string) []error { return f.all(path + ": ") }

func (f *faults) all(before string) []error {
	slices.SortStableFunc(f.found, func(a, b fault) int { return a.line - b.line })
	var all []error
	for _, one := range f.found {
		for text := range strings.SplitSeq(one.whole(), "\n") { // one of YAML's own may have several lines
			all = append(all, errors.New(before+strings.TrimSpace(text)))
		}
	}
	return all
}

// whole returns the text together with the peers that have the value.
func (f fault) whole() string {
	switch {
	case f.of == "":
		return f.text
	case f.more == 0:
		return fmt.Sprintf("%s (in %s)", f.text, f.of)
	}
	return fmt.Sprintf("%s (in %s and %d more)", f.text, f.of, f.more)
}

// linesOf returns the line of every key below the node.
func linesOf(node *yaml.Node) map[string]int {
	lines := map[string]int{}
	walk(node, "", lines, 0)
	return lines
}

// maxDepth exceeds the depth of any configuration; aliases may form a loop.
const maxDepth = 20

func walk(node *yaml.Node, key string, lines map[string]int, depth int) {
	if depth > maxDepth {
		return
	}
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			walk(child, key, lines, depth+1)
		}
	case yaml.AliasNode:
		walk(node.Alias, key, lines, depth+1)
	case yaml.SequenceNode:
		for i, child := range node.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			lines[at] = child.Line
			walk(child, at, lines, depth+1)
		}
	case yaml.MappingNode:
		eachPair(node, func(name, value *yaml.Node) {
			at := strings.TrimPrefix(key+"."+name.Value, ".")
			lines[at] = name.Line
			walk(value, at, lines, depth+1)
		})
	}
}

// decoding adds the faults that YAML itself found.
func (f *faults) decoding(err error) {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) && len(f.found) > 0 {
		return // the value already has its fault, with its line
	}
	switch {
	case errors.Is(err, io.EOF):
		f.found = append(f.found, fault{text: "is empty"})
	case typed != nil:
		before := f.found // faults of single values
		for _, text := range typed.Errors {
			one := fault{line: lineIn(text), text: text}
			if !slices.Contains(f.found, one) && !isReported(before, one) {
				f.found = append(f.found, one)
			}
		}
	default:
		f.found = append(f.found, fault{text: err.Error()})
	}
}

// lineIn returns the line in one of YAML's own messages; 0 for none.
func lineIn(text string) (line int) {
	_, _ = fmt.Sscanf(text, "line %d:", &line) // on error it stays 0
	return line
}
