package rpz

import (
	"context"
	"fmt"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/listfile"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// disabledName is the file name of the disabled zones in a state directory.
const disabledName = "rpz-disabled.json"

// disabledFile has the disabled zones in a state directory.
type disabledFile struct {
	*listfile.File[Disabled]
	path  string
	users map[*instance]bool // guarded by the switches
	stop  context.CancelFunc
	ended chan struct{}
}

func newDisabledFile(path string) *disabledFile {
	return &disabledFile{File: listfile.New(path, Disabled.check), path: path, users: map[*instance]bool{}, ended: make(chan struct{})}
}

// check returns an error unless Zone is a zone name.
func (d Disabled) check() error {
	if _, ok := dns.IsDomainName(d.Zone); !ok || d.Zone == "" {
		return fmt.Errorf("%q is not a zone name", d.Zone)
	}
	return nil
}

// load returns the zones that an earlier process disabled, by their canonical names. What cannot be read is logged.
func (f *disabledFile) load() []Disabled {
	all, err := f.Load()
	if err != nil {
		log.Errorf("disabled policy zones: %v", err)
	}
	canonical := make([]Disabled, len(all))
	for i, d := range all {
		canonical[i] = d
		canonical[i].Zone = policyzone.Canonical(d.Zone)
	}
	return canonical
}

// start has the file written until close.
func (f *disabledFile) start() {
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	go func() {
		defer close(f.ended)
		f.Run(ctx, f.report)
	}()
}

// close writes what is not written yet, if the disk allows it.
func (f *disabledFile) close() {
	f.stop()
	<-f.ended
}

func (f *disabledFile) report(err error) {
	if err != nil {
		log.Warningf("cannot save which policy zones are disabled, so a restart would restore the previous state: %v", err)
		return
	}
	log.Infof("which policy zones are disabled is saved again, to %s", f.path)
}
