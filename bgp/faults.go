package bgp

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// faultFunc takes what is wrong with a key, which is relative to what is checked.
type faultFunc func(key, format string, args ...any)

// under returns a faultFunc for what is below the key.
func (f faultFunc) under(above string) faultFunc {
	return func(key, format string, args ...any) {
		if key != "" {
			key = "." + key
		}
		f(above+key, format, args...)
	}
}

// faults collects all that is wrong with a file, with the lines.
type faults struct {
	lines map[string]int // by key, such as peers[0].holdTime
	// groups are the keys that peers have from their group, such as groups.tor.holdTime, by
	// the peer's.
	groups map[string]string
	found  []fault
}

type fault struct {
	line int
	text string
	// of is whose value it is, where a group gives the value to several; "" for the key's.
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

// inherit notes that the peer has the key from the group.
func (f *faults) inherit(peer int, key, group string) {
	if f.groups == nil {
		f.groups = map[string]string{}
	}
	f.groups[fmt.Sprintf("peers[%d].%s", peer, key)] = "groups." + group + "." + key
}

// place returns the key under which the value of a key stands in the file, and the peer where
// that is a group's.
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

// line returns that of the key, or of what it would be in.
func (f *faults) line(key string) int {
	for key != "" {
		if line := f.lines[key]; line > 0 {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}

// err returns all faults, in the order of the file.
func (f *faults) err() error { return errors.Join(f.all("")...) }

// in returns all faults of the file at path, in its order.
func (f *faults) in(path string) []error { return f.all(path + ": ") }

func (f *faults) all(before string) []error {
	slices.SortStableFunc(f.found, func(a, b fault) int { return a.line - b.line })
	var all []error
	for _, one := range f.found {
		for text := range strings.SplitSeq(one.whole(), "\n") { // YAML's own may have more
			all = append(all, errors.New(before+strings.TrimSpace(text)))
		}
	}
	return all
}

// whole is the text with the peers that have the value.
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

// maxDepth is deeper than a configuration is; aliases may form a loop.
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

// decoding adds what YAML itself found.
func (f *faults) decoding(err error) {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) && len(f.found) > 0 {
		return // it is of a value that has its fault already, with its line
	}
	switch {
	case errors.Is(err, io.EOF):
		f.found = append(f.found, fault{text: "is empty"})
	case typed != nil:
		before := f.found // of single values
		for _, text := range typed.Errors {
			one := fault{line: lineIn(text), text: text}
			if !slices.Contains(f.found, one) && !slices.ContainsFunc(before, func(o fault) bool { return o.isOf(one) }) {
				f.found = append(f.found, one)
			}
		}
	default:
		f.found = append(f.found, fault{text: err.Error()})
	}
}

// isOf reports whether the fault is of the value that YAML could not read, whose first characters it quotes.
func (f fault) isOf(read fault) bool {
	quoted := strings.Split(read.text, "`")
	return len(quoted) == 3 && quoted[1] != "" && f.line == read.line && strings.Contains(f.text, strings.TrimSuffix(quoted[1], "..."))
}

// lineIn is that of one of YAML's own texts; 0 for none.
func lineIn(text string) (line int) {
	_, _ = fmt.Sscanf(text, "line %d:", &line) // it is 0 then
	return line
}
