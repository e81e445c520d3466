package vip

// Backing reports whether the Services of a VIP can be served here.
type Backing struct {
	State BackingState
	// Reason is "" if State is Backed.
	Reason string
}

// BackingState orders the states from best to worst.
type BackingState uint8

// The states of a Backing.
const (
	Backed BackingState = iota
	// Ending: only terminating endpoints are left.
	Ending
	Unbacked
	// Untaken: the data path does not take packets to the address.
	Untaken
)

// ServiceRef names a Service.
type ServiceRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String returns namespace/name.
func (r ServiceRef) String() string { return r.Namespace + "/" + r.Name }
