package rpz

import (
	"fmt"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// The results of reading a file, as in Status.
const (
	fileLoaded  = "loaded"
	fileCurrent = "current"
	fileRefused = "refused"
	fileWaiting = "waiting"
)

// note keeps the result of reading the file; pause is how long until it is read again if it does not change, 0 for
// never.
func (f *file) note(result string, err error, pause time.Duration) {
	p := &progress{tried: time.Now(), result: result, err: err}
	if pause > 0 {
		p.next = p.tried.Add(pause)
	}
	f.progress.Store(p)
}

// reload reads the file at once and uses it if it is valid. Whoever demands this has finished writing it, so reload
// neither waits for the file nor takes a short one for incomplete.
func (f *file) reload(now time.Time) progress {
	id, there := regular.Identify(f.path)
	f.missing = !there
	z, err := f.read()
	if after, _ := regular.Identify(f.path); after != id {
		f.change.saw(after, now)
		f.note(fileWaiting, fmt.Errorf("%s %s", f.path, writing), settled)
		return *f.progress.Load()
	}
	used := f.zone.Load()
	if err == nil {
		if d := compare(used, z); d.torn && d.shrunk {
			err = f.half(d)
		}
	}
	unchanged := id == f.judged && f.progress.Load().err == nil
	switch {
	case err != nil:
		f.refuse(id, err)
	case unchanged && used != nil && z.Serial() == used.Serial() && z.Len() == used.Len():
		f.note(fileCurrent, nil, 0)
	default:
		f.judged, f.change = id, change{}
		f.take(z)
	}
	return *f.progress.Load()
}
