package claims

import (
	"net/netip"
	"testing"
)

func TestAZoneIdentifierMakesNoAddressOrdinary(t *testing.T) {
	for _, text := range []string{"::1%lo", "fe80::1%eth0", "fd00:ec2::254%lo", "::ffff:127.0.0.1%lo", "64:ff9b::a9fe:a9fe%lo"} {
		a := netip.MustParseAddr(text)
		if err := List(nil).AllowSpecial("evil", a); err == nil {
			t.Errorf("%s is allowed", a)
		}
	}
}
