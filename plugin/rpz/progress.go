package rpz

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nearcast/nearcast/plugin/rpz/internal/download"
)

// progress is a source's state in keeping its zone up to date.
type progress struct {
	// tried is when the last try ended, zero before the first one has, and result its result; err is its error.
	tried  time.Time
	result string
	err    error
	// next is when the next one begins; zero while one is in progress, and for a file that is read when it changes.
	next time.Time
	// expires is when a transferred zone is withdrawn, zero for others.
	expires time.Time
}

// progress returns the state of the source.
func (s *source) progress() progress {
	switch {
	case s.file != nil:
		return *s.file.progress.Load()
	case s.list != nil:
		p := s.list.Progress()
		return progress{tried: p.Tried, result: string(p.Result), err: p.Err, next: p.Next}
	}
	st := s.secondary.Status()
	return progress{tried: st.Tried, result: string(st.Result), err: st.Err, next: st.Next, expires: st.Expires}
}

// underWay is the result of a refresh that did not end in time.
const underWay = "under way"

// refresh reads the file, transfers or downloads now, and returns the result.
func (s *source) refresh(ctx context.Context) (result string, err error) {
	switch {
	case s.file != nil:
		var p progress
		if p, err = s.file.demands.Make(ctx); err == nil {
			return p.result, p.err
		}
	case s.list != nil:
		var r download.Result
		r, err = s.list.Refresh(ctx)
		result = string(r)
	default:
		r, failed := s.secondary.Refresh(ctx)
		result, err = string(r), failed
	}
	if err != nil && result == "" && errors.Is(err, ctx.Err()) {
		return underWay, nil
	}
	return result, err
}

// String says where the zone comes from, without possible secrets.
func (o *origin) String() string {
	switch {
	case o.file != "":
		return "file " + o.file
	case o.url != "":
		return "url " + download.Shown(o.url)
	}
	text := "primary " + strings.Join(strings.Fields(o.primaries), ", ")
	if o.encrypted {
		text += " over TLS"
	}
	if o.key != "" {
		text += fmt.Sprintf(" with the key %s", o.key)
	}
	return text
}
