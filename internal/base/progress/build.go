package progress

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// lastMessages is how many lines of a build's messages are kept for its error: those of a
// package that does not compile, with the context that linkers print.
const lastMessages = 100

// Build is a writer for the standard error of `go build -v` and `go install -v`: it reports
// what is downloaded and compiled as steps, and keeps what is neither. The zero value
// reports nothing. It is safe for concurrent use.
type Build struct {
	// Step receives each step.
	Step func(string)

	mu       sync.Mutex
	partial  []byte
	packages int
	messages []string
}

// Write reads lines, of which the last may be incomplete. It never fails.
func (b *Build) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partial = append(b.partial, p...)
	for {
		line, rest, whole := bytes.Cut(b.partial, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		b.line(string(line))
		b.partial = rest
	}
}

// line sorts out one line. The path of a package has no space and no colon.
func (b *Build) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		b.report(strings.TrimPrefix(line, "go: "))
	case line != "" && !strings.ContainsAny(line, " :\t"):
		b.packages++
		b.report(fmt.Sprintf("packages compiled: %d, the last is %s", b.packages, line))
	default:
		b.messages = append(b.messages, line)
		if len(b.messages) > lastMessages {
			b.messages = b.messages[1:]
		}
	}
}

func (b *Build) report(step string) {
	if b.Step != nil {
		b.Step(step)
	}
}

// Messages returns the last lines that were neither downloads nor packages: where a build
// failed, the reason.
func (b *Build) Messages() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(b.messages[:len(b.messages):len(b.messages)], string(b.partial)), "\n")
}
