package lab

import (
	"context"
	"net/http"
	"time"
)

// once uses a connection for each call, because each process serves one call.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// cold runs a function as a program that is started for each call, like a container scaled to zero, but without the
// container's overhead.
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
