package lab

import (
	"context"
	"time"
)

// call is a request for a function.
type call struct {
	method, uri, host string
	body              []byte
}

// outcome is the result of a call.
type outcome struct {
	status      int
	contentType string
	body        []byte
	// cold is the time until an instance was ready, and processing the time from there to the reply.
	cold, processing time.Duration
	// end ends the instance; nil if it stays.
	end func()
}

// runtime runs one function in one cluster. It is safe for concurrent use.
type runtime interface {
	// start prepares what is kept between calls.
	start() error
	// call answers one request. An error is the runtime's, not the function's.
	call(context.Context, call) (outcome, error)
	// stop ends whatever start began.
	stop()
}
