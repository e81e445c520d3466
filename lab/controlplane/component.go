package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nearcast/nearcast/lab/process"
)

// component is one program of the control plane.
type component struct {
	process.Process
	name string
	// ready is the URL that answers 200 once the component is ready.
	ready string
}

// readyPoll is how often a starting component is polled.
const readyPoll = 50 * time.Millisecond

// start runs the component and waits until it is ready.
func (c *component) start(ctx context.Context, client *http.Client) error {
	if err := c.Start(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	var last error
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		if !c.Running() {
			return false, fmt.Errorf("%s has exited", c.name)
		}
		last = get(ctx, client, c.ready)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w (%w); see %s", c.name, err, last, c.Log)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	reply, err := client.Do(request)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(reply.Body, 200)) // it only explains
		return fmt.Errorf("%s: %s: %s", url, reply.Status, body)
	}
	return nil
}
