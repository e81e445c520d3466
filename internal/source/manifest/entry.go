package manifest

import (
	"crypto/sha256"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// entry is a file of the directory.
type entry struct {
	// identity is the file's Identity when it was read, at the time at.
	identity regular.Identity
	at       time.Time
	sum      [sha256.Size]byte // of its bytes

	// held is what the file contained when it was last readable; nil if it never was.
	held *file
	// fault says why the file cannot be read now.
	fault *federation.Fault
	// kept is set for a file in a directory that cannot be read now.
	kept bool
}

// same reports whether the two entries are the same to the rest of the package.
func (e entry) same(o entry) bool {
	return e.held == o.held && e.kept == o.kept && (e.fault == o.fault || e.fault != nil && o.fault != nil && *e.fault == *o.fault)
}

// grain is how coarse a file system's times may be. A file that changed within this time
// before it was read may have changed again since and look the same.
const grain = 2 * time.Second

// is reports whether the file is certainly the one that was read.
func (e entry) is(now regular.Identity) bool {
	return e.identity == now && e.at.UnixNano()-now.Modified() > int64(grain)
}

// readOne reads a file that may have changed; it does not parse the same content again. For
// an unreadable file it returns the fault and what the file contained when it was last
// readable.
func readOne(path string, before entry) entry {
	before.kept = false
	if before.held == nil {
		before.held = &file{}
	}
	if now, there := regular.Identify(path); there && before.is(now) {
		return before
	}
	at := time.Now()
	data, identity, err := regular.ReadIdentified(path, maxFileSize)
	if err != nil {
		return entry{held: before.held, fault: &federation.Fault{File: path, Reason: unreadable(path, err)}}
	}
	e := entry{identity: identity, at: at, sum: sha256.Sum256(data), held: before.held, fault: before.fault}
	if e.sum == before.sum {
		return e
	}
	f, fault := parse(path, data)
	switch {
	case fault != nil:
		f = *before.held
	case len(f.faults) > 0:
		f = f.keep(*before.held)
	}
	f.share(*before.held)
	e.held, e.fault = &f, fault
	return e
}
