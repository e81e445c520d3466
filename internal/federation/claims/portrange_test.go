package claims

import (
	"slices"
	"testing"
)

func TestRangesOfPorts(t *testing.T) {
	for text, want := range map[string]PortRange{"80": {80, 80}, "30000-32767": {30000, 32767}, "1-65535": {1, 65535}} {
		if got, err := ParsePortRange(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0-1", "2-1", "65536", "1-65536", "-", "1-", "-1", "a", "80,81", " 80"} {
		if got, err := ParsePortRange(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if slices.Contains([]bool{PortRange{2, 3}.Has(1), PortRange{2, 3}.Has(4), !PortRange{2, 3}.Has(2), !PortRange{2, 3}.Has(3)}, true) {
		t.Error("a range lacks its ends, or contains more")
	}
}
