// Package demand makes a goroutine do at once what it otherwise does from time to time, for another goroutine that
// waits for the result. It does not know what is done.
package demand

import "context"

// Queue holds the demands that have not been taken. The serving goroutine receives from it, and sends one value to
// what it received, which never blocks.
type Queue[T any] chan chan<- T

// NewQueue returns an empty Queue.
func NewQueue[T any]() Queue[T] { return make(Queue[T]) }

// Make makes a demand and returns its result. The error is that of ctx if it ends first: the demand was then not
// taken, or is still being served.
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
