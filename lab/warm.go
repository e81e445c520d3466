package lab

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// warm runs a function as a program that stays between calls.
type warm struct {
	program
	mu      sync.Mutex
	running *instance
	client  *http.Client
}

func (w *warm) start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != nil {
		return nil
	}
	i, err := w.begin()
	if err != nil {
		return err
	}
	w.running, w.client = i, &http.Client{Transport: &http.Transport{}}
	return nil
}

func (w *warm) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != nil {
		w.running.end()
		w.client.CloseIdleConnections()
		w.running = nil
	}
}

func (w *warm) call(ctx context.Context, asked call) (outcome, error) {
	begin := time.Now()
	w.mu.Lock()
	i, client := w.running, w.client
	w.mu.Unlock()
	if i == nil {
		return outcome{}, errors.New("the function's process is not running")
	}
	out, err := i.forward(ctx, client, asked)
	out.processing = time.Since(begin)
	return out, err
}
