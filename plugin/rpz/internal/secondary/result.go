package secondary

import "github.com/nearcast/nearcast/plugin/rpz/internal/failure"

// Result is the result of a request, as it is counted.
type Result string

// The results of a request to a primary. From Refused on they are failures, and change nothing.
const (
	// AXFR and IXFR: a new generation was received, as a whole or as differences.
	AXFR Result = "axfr"
	IXFR Result = "ixfr"
	// Current: the primary has the generation held.
	Current Result = "current"
	// Refused: the primary answered with an error.
	Refused Result = "refused"
	// Unreachable: the connection failed.
	Unreachable Result = "unreachable"
	// Broken: the connection ended before the transfer did.
	Broken Result = "broken"
	// Timeout: an answer, a message or the whole transfer took too long.
	Timeout Result = "timeout"
	// Garbage: the answer is not a DNS message, does not match the request, or is not a transfer.
	Garbage Result = "garbage"
	// Older: the primary's serial is older than the one held (RFC 1982).
	Older Result = "older"
	// TooLarge: more records or octets than are allowed.
	TooLarge Result = "too-large"
	// BadKey: a signature is missing, wrong or outside its time, at either end.
	BadKey Result = "bad-key"
	// BadCertificate: the primary's certificate is not trusted.
	BadCertificate Result = "bad-certificate"
	// WrongZone: the transfer is of another zone.
	WrongZone Result = "wrong-zone"
	// Unfit: the differences do not match the generation held; the whole zone is requested.
	Unfit Result = "unfit"
)

// The results that concern the copy on disk, and expiry.
const (
	// CopyLoaded: the copy was loaded at start.
	CopyLoaded Result = "copy-loaded"
	// CopyWritten and CopyExtended: a generation was saved, as a whole or as differences.
	CopyWritten  Result = "copy-written"
	CopyExtended Result = "copy-extended"
	// CopyDamaged: the copy, or its end, could not be read.
	CopyDamaged Result = "copy-damaged"
	// CopyFailed: it could not be written.
	CopyFailed Result = "copy-failed"
	// Expired: the zone was withdrawn.
	Expired Result = "expired"
)

// advice says what to do about a failure.
var advice = map[Result]string{
	Refused:        "configure the primary to serve the zone and to allow transfers to this address and key",
	Unreachable:    "check that the primary runs and that firewalls allow UDP and TCP to it",
	Broken:         "check the primary's log",
	Timeout:        "check the primary's load and the network path to it, or allow more time",
	Garbage:        "check that the address is that of the zone's primary, and that nothing on the path changes DNS messages",
	Older:          "the current zone stays in use until it expires, and then the primary's is used; to use that now, raise the serial at the primary, or remove the copy on disk and restart",
	TooLarge:       "if the zone should be this large, raise its limit",
	BadKey:         "compare the name, algorithm and secret of the key, and the clocks, at both ends",
	BadCertificate: "compare the primary's certificate with the configured name, CA and pins",
	WrongZone:      "compare the zone's name at both ends",
	Unfit:          "the whole zone is requested instead; if this happens again, check the primary's journal",
}

// fail returns a failure of the class, worded as fmt.Errorf does.
func fail(r Result, format string, args ...any) error { return failure.Errorf(r, format, args...) }

// resultOf returns the class of a failure; one without a class counts as Garbage.
func resultOf(err error) Result {
	if r, ok := failure.ClassOf[Result](err); ok {
		return r
	}
	return Garbage
}
