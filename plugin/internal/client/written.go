package client

import (
	"errors"
	"net"
)

// Written returns the part of a reply's write error that is the server's own. It returns nil if the client cannot
// be reached, or closed or lost the connection: clients could fill the log with these errors.
func Written(err error) error {
	if err == nil {
		return nil // avoids the allocation of errors.As
	}
	var failed *net.OpError
	if errors.As(err, &failed) {
		return nil
	}
	return err
}
