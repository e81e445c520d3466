package download

import "github.com/nearcast/nearcast/plugin/rpz/internal/failure"

// Result is the result of a request, as it is counted.
type Result string

// The results of requesting a list. From Unreachable on they are failures, and change nothing.
const (
	// Loaded: a new list was received.
	Loaded Result = "loaded"
	// Current: the list held is the published one.
	Current Result = "current"
	// Unreachable: the connection failed.
	Unreachable Result = "unreachable"
	// BadCertificate: the server's certificate is not trusted.
	BadCertificate Result = "bad-certificate"
	// Redirect: to a place that is not allowed, or too often.
	Redirect Result = "redirect"
	// Status: the server answered with a status other than 200 and 304.
	Status Result = "status"
	// Timeout: an answer, its next octets or its end did not arrive in time.
	Timeout Result = "timeout"
	// Broken: it is unknown whether the list is complete.
	Broken Result = "broken"
	// TooLarge: more octets or records than are allowed.
	TooLarge Result = "too-large"
	// Checksum: there is no checksum of the list, or it does not match.
	Checksum Result = "checksum"
	// Refused: the list is not a policy zone.
	Refused Result = "refused"
)

// The results that concern the copy on disk.
const (
	// CopyLoaded: the copy was loaded at start.
	CopyLoaded Result = "copy-loaded"
	// CopyWritten: a list was saved.
	CopyWritten Result = "copy-written"
	// CopyDamaged: the copy could not be read.
	CopyDamaged Result = "copy-damaged"
	// CopyFailed: it could not be written.
	CopyFailed Result = "copy-failed"
)

// advice says what to do about a failure.
var advice = map[Result]string{
	Unreachable:    "check that the host name resolves here and that firewalls allow HTTPS to it",
	BadCertificate: "check the CA and the pins in the zone's tls key",
	Redirect:       "configure the list's current URL",
	Status:         "check that the list is still published there",
	Timeout:        "check the network path to the server",
	Broken:         "it will be requested again",
	TooLarge:       "if the list should be this large, raise its limit",
	Checksum:       "it will be requested again; if this persists, check that the list and its checksum were published together",
	Refused:        "check that the URL is that of a policy zone",
}

// fail returns a failure of the class, worded as fmt.Errorf does.
func fail(r Result, format string, args ...any) error { return failure.Errorf(r, format, args...) }

// resultOf returns the class of a failure; one without a class came from an invalid list.
func resultOf(err error) Result {
	if r, ok := failure.ClassOf[Result](err); ok {
		return r
	}
	return Refused
}
