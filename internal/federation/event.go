package federation

// Event is what the owner of a function should know about it. Equal Events from several
// sites count as one.
type Event struct {
	// Reason is one of the constants below.
	Reason  string
	Note    string
	Warning bool
}

// The reasons of Events, in the spelling of Kubernetes.
const (
	// ReasonRefused reports a bad annotation, a name or an address that does not belong
	// to the namespace, or a name that another function has.
	ReasonRefused = "Refused"
	// ReasonIgnored reports an object that has a key of Nearcast's but is not read.
	ReasonIgnored = "Ignored"
	// ReasonNoCluster reports a function that exists but has no candidate.
	ReasonNoCluster = "NoEligibleCluster"
	// ReasonAllDown reports a function all candidates of which are down, and what is answered.
	ReasonAllDown = "AllDown"
	// ReasonFailover reports a candidate that is no longer up.
	ReasonFailover = "Failover"
	// ReasonRecovered reports that the previous three have ended.
	ReasonRecovered = "Recovered"
)
