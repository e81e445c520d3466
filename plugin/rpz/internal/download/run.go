package download

import (
	"context"
	"time"
)

// Progress is the state of a List.
type Progress struct {
	// Tried is when the last request ended, zero before the first one has, and Result its result; Err is its error,
	// nil after a success.
	Tried  time.Time
	Result Result
	Err    error
	// Next is when the next request begins; zero while one is in progress.
	Next time.Time
}

// tried is the result of a request.
type tried struct {
	result Result
	err    error
}

// Progress returns the state of the list.
func (l *List) Progress() Progress { return *l.progress.Load() }

// Refresh requests the list now, after a request that is in progress, and returns the result: Loaded or Current, or
// a failure with its error. The error is that of ctx if it ends first; the request then goes on.
func (l *List) Refresh(ctx context.Context) (Result, error) {
	t, err := l.demands.Make(ctx)
	if err != nil {
		return "", err
	}
	return t.result, t.err
}

// Run publishes the copy on disk and then follows the list until ctx ends.
func (l *List) Run(ctx context.Context) {
	l.load()
	var reply chan<- tried // the demand that waits for the result, or nil
	for ctx.Err() == nil {
		last, wait := l.refresh(ctx)
		p := Progress{Tried: time.Now(), Result: last.result, Err: last.err, Next: time.Now().Add(wait)}
		l.progress.Store(&p)
		if reply != nil {
			reply <- last
		}
		reply = l.pause(ctx, wait)
		begun := p
		begun.Next = time.Time{}
		l.progress.Store(&begun)
	}
}

// pause waits until the next request is due or demanded, and returns the demand.
func (l *List) pause(ctx context.Context, wait time.Duration) chan<- tried {
	due := time.NewTimer(wait)
	defer due.Stop()
	select {
	case <-ctx.Done():
	case <-due.C:
	case reply := <-l.demands:
		return reply
	}
	return nil
}

// refresh requests the list and returns the result, and how long to wait until the next time.
func (l *List) refresh(ctx context.Context) (tried, time.Duration) {
	got, err := l.fetch(ctx)
	switch {
	case ctx.Err() != nil:
		got.spool.drop()
		return tried{err: ctx.Err()}, 0
	case err != nil:
		l.failures++
		t := tried{resultOf(err), l.explain(err)}
		l.tell(Event{Result: t.result, Err: t.err})
		return t, l.wait(err)
	}
	l.failures = 0
	kept, keepErr := got.spool.keep(got.mark)
	result := Current
	if got.zone != nil {
		l.held, l.mark = got.zone, got.mark
		l.publish(got.zone)
		result = Loaded
	}
	l.tell(Event{Result: result})
	if kept {
		l.tellCopy(keepErr)
	}
	return tried{result: result}, l.wait(nil)
}
