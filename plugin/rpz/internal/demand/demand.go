// Package demand has a goroutine do at once what it does from time to time, for another
// one that waits for what comes of it. It knows nothing of what is done.
package demand

import "context"

// Queue has the demands that were not taken up yet. Who serves it receives from it, and
// sends one value to what it received, which never blocks.
type Queue[T any] chan chan<- T

// NewQueue returns an empty Queue.
func NewQueue[T any]() Queue[T] { return make(Queue[T]) }

// Make makes a demand and returns what came of it. The error is that of ctx where it
// ends before: the demand was then not taken up, or is still worked on.
func (q Queue[T]) Make(ctx context.Context) (T, error) {
	var none T
	result := make(chan T, 1)
	select {
	case q <- result:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case v := <-result:
		return v, nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
