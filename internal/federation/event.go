package federation

// Event is what those who declared a function should know of it. Equal ones of
// several sites are one.
type Event struct {
	// Reason is one of those below.
	Reason  string
	Note    string
	Warning bool
}

// The reasons of Events, in Kubernetes' spelling.
const (
	// ReasonRefused is of a bad annotation, a name or an address that is not the
	// namespace's, or a name that another function has.
	ReasonRefused = "Refused"
	// ReasonIgnored is of an object that carries a key of Nearcast's and is not read.
	ReasonIgnored = "Ignored"
	// ReasonNoCluster is of a function that exists and has no candidate.
	ReasonNoCluster = "NoEligibleCluster"
	// ReasonFailover is of a candidate that is not up any more.
	ReasonFailover = "Failover"
	// ReasonRecovered ends either of the two before.
	ReasonRecovered = "Recovered"
)
