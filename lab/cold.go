package lab

import (
	"context"
	"net/http"
	"time"
)

// once has a connection for each call, as the process has one call.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// cold runs a function as a program that is started for each call, as a container
// that was scaled to zero, but without what a container adds.
type cold struct{ program }

func (cold) start() error { return nil }
func (cold) stop()        {}

func (c cold) call(ctx context.Context, asked call) (outcome, error) {
	begin := time.Now()
	i, err := c.begin()
	if err != nil {
		return outcome{}, err
	}
	ready := time.Now()
	out, err := i.forward(ctx, once, asked)
	out.cold, out.processing, out.end = ready.Sub(begin), time.Since(ready), i.end
	return out, err
}
