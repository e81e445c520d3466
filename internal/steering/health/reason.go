package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/nearcast/nearcast/internal/base/brief"
)

// failure is the reason why a probe failed, in our own words. The cause may contain words
// of the answer, and those who see the reason need not be allowed to read the answer: the
// cause only tells what kind of failure it was, and is never shown.
type failure struct {
	text  string
	cause error
}

func (f failure) Error() string { return f.text }

func (f failure) Unwrap() error { return f.cause }

// publicReason returns the reason to show for a probe's error: a timeout, the system's own error,
// or the text of a failure. It leaves out the address, which the target has.
func publicReason(err error) error {
	var errno syscall.Errno
	var failed failure
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("timed out")
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &failed):
		return errors.New(brief.Text(failed.text))
	}
	return errors.New("the connection failed")
}

// handshakeFailed says which side failed, without the text of the server's alert or
// certificate.
func handshakeFailed(err error) error {
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		return failure{"TLS: the server's certificate does not verify for this host against the probe's ca", err}
	}
	return failure{"TLS: the handshake failed", err}
}

// noAnswer distinguishes an invalid answer from a connection that ended before an answer.
func noAnswer(err error) error {
	var failed failure
	var network net.Error
	switch {
	case errors.As(err, &failed):
		return failed
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure{"the connection ended before an answer", err}
	}
	return failure{"the answer is not HTTP/1", err}
}
