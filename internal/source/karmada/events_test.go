package karmada

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestEventsAreValidForEveryObjectName checks the API's limits on names and notes.
func TestEventsAreValidForEveryObjectName(t *testing.T) {
	e := newEvents()
	for _, name := range []string{"a", strings.Repeat("a", 253), strings.Repeat("a.", 126) + "a", strings.Repeat("a", 235) + ".-.", strings.Repeat("a", 63)} {
		about := federation.Identity{Ref: federation.Ref{Kind: "Ingress", Group: "networking.k8s.io", Namespace: "ns", Name: name}, UID: "1"}
		event := e.event(about, federation.Event{Reason: federation.ReasonRefused, Note: strings.Repeat("ü", 1000)}, time.Unix(1e9, 0))
		if faults := validation.IsDNS1123Subdomain(event.Name); len(faults) > 0 {
			t.Errorf("an Event on %.20s… is named %q: %v", name, event.Name, faults)
		}
		if len(event.Note) > maxNote {
			t.Errorf("its note has %d bytes", len(event.Note))
		}
	}
}
