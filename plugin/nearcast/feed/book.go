package feed

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
)

// Book is the history of one scope's zones, the policy zone and the plain one: they have the same content and so
// the same serial. Sets share it, and the newest of them writes.
type Book struct {
	key  bookKey
	log  Logger
	now  atomic.Pointer[history]
	file *file // nil if none is kept

	mu sync.Mutex
	// writers are the Sets that hold the Book; the last one writes.
	writers []*Set
	// floor is less than every future serial.
	floor uint32
	disk  folder.Disk
	// again is when to try the disk again; nil if everything is written.
	again *time.Timer
}

// Logger is where a Set reports what an operator should know.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
}

func (b *Book) writes(by *Set) bool {
	return len(b.writers) > 0 && b.writers[len(b.writers)-1] == by
}

// replace replaces the content with the nodes, which are sorted. It returns what is then published and whether it
// is new, or nil if another Set writes.
func (b *Book) replace(by *Set, head *head, nodes []*Node) (*history, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.writes(by) {
		return nil, false
	}
	before := b.now.Load()
	if before == nil || before.head.String() != head.String() {
		return b.begin(head, nodes), true
	}
	if changes := difference(before.nodes, nodes); len(changes) > 0 {
		return b.step(before, changes), true
	}
	// This replaces the nodes read from disk, which would otherwise be held in memory twice, because each region
	// has its own.
	same := *before
	same.nodes = nodes
	b.now.Store(&same)
	return &same, false
}

// amend makes changes to the content of base. It returns nil if base is no longer published, or another Set writes.
func (b *Book) amend(by *Set, base *history, changes []Change) *history {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.writes(by) || b.now.Load() != base {
		return nil
	}
	return b.step(base, changes)
}

// step persists a change before it publishes it: a secondary must never have what we can lose.
func (b *Book) step(before *history, changes []Change) *history {
	h := before.next(after(before.serial, sinceEpoch(time.Now().Unix())), changes)
	if b.file != nil {
		b.kept(b.file.append(h))
	}
	b.now.Store(h)
	return h
}

// begin publishes a content that no difference leads to, such as the first.
func (b *Book) begin(head *head, nodes []*Node) *history {
	serial := b.floor
	if before := b.now.Load(); before != nil {
		serial = before.serial
	}
	h := &history{serial: after(serial, sinceEpoch(time.Now().Unix())), head: head, nodes: nodes, size: sizeOf(nodes)}
	if b.file != nil {
		b.kept(b.file.rewrite(h))
	}
	b.now.Store(h)
	return h
}

// keepAgain is how soon a failed write is tried again.
const keepAgain = 5 * time.Second

// kept notes whether the history is on disk. If not, it is tried again until it is, even if nothing changes. The
// Book must be locked, or not yet shared.
func (b *Book) kept(err error) {
	switch failed, recovered := b.disk.Tried(err); {
	case failed != nil:
		b.log.Warningf("feed %s: cannot write the journal; after a restart the serial starts from the clock: %v", b.key.policy, failed)
	case recovered:
		b.log.Infof("feed %s: the journal is written again", b.key.policy)
	}
	if err != nil && b.again == nil {
		b.again = time.AfterFunc(keepAgain, b.keep)
	}
}

// keep tries again.
func (b *Book) keep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.again = nil
	if h := b.now.Load(); h != nil && len(b.writers) > 0 && b.disk.Failing() != nil {
		b.kept(b.file.rewrite(h))
	}
}

// bookKey tells Books apart.
type bookKey struct {
	dir    string // "" if none is kept
	source string
	policy string // the policy zone's name
}

// pool holds the Books in use. Unlike the pools of sites, policy zones and listeners, it lets several configurations
// share one Book during a reload, the newest of which writes.
var pool = struct {
	sync.Mutex
	books map[bookKey]*Book
}{books: map[bookKey]*Book{}}

// acquire returns the Book for the Set to write. Every acquire needs one release.
func acquire(key bookKey, head *head, by *Set, log Logger) *Book {
	pool.Lock()
	defer pool.Unlock()
	b := pool.books[key]
	if b == nil {
		b = &Book{key: key, log: log}
		b.open(head)
		pool.books[key] = b
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writers = append(b.writers, by)
	return b
}

// open reads the file, or takes over from a Book that is kept elsewhere. The pool must be locked.
func (b *Book) open(head *head) {
	if b.key.dir != "" {
		b.file = newFile(b.key.dir, b.key.source, b.key.policy)
		h, text, err := b.file.load()
		if err != nil && h == nil {
			b.log.Warningf("refused: %v; the feed %s starts with a new history", err, b.key.policy)
			b.floor = b.file.floor
		}
		if h != nil {
			b.kept(err)
			h.head = head
			b.now.Store(h)
			if text != head.String() {
				b.begin(head, h.nodes)
			}
			return
		}
	}
	for key, other := range pool.books {
		if h := other.now.Load(); h != nil && key.source == b.key.source && key.policy == b.key.policy {
			b.now.Store(h)
			if b.file != nil {
				b.kept(b.file.rewrite(h))
			}
			return
		}
	}
}

// release gives up one acquire. The Set that wrote before then writes again.
func (b *Book) release(by *Set) {
	pool.Lock()
	defer pool.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	wrote := b.writes(by)
	b.writers = slices.DeleteFunc(b.writers, func(s *Set) bool { return s == by })
	switch {
	case len(b.writers) > 0 && wrote:
		b.writers[len(b.writers)-1].poke()
	case len(b.writers) == 0:
		delete(pool.books, b.key)
		if b.again != nil {
			b.again.Stop()
		}
		if b.file != nil {
			b.file.close()
		}
	}
}
