package client

import (
	"errors"
	"net"
)

// Written returns what of an error in writing a reply is the server's own: nil where
// whoever asked cannot be reached, or has closed the connection or lost it. Who sends
// queries could fill a log with that.
func Written(err error) error {
	if err == nil {
		return nil // without the allocation that errors.As makes
	}
	var failed *net.OpError
	if errors.As(err, &failed) {
		return nil
	}
	return err
}
