package interop

import (
	"fmt"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAPassiveSpeakerIsConnectedTo also checks that its key is that of the connecting router,
// and that a removed key is forgotten.
func TestAPassiveSpeakerIsConnectedTo(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			listening := func(keys string) string {
				return fmt.Sprintf("listen: [\"%s:179\"]\n", siteAddresses(1).v4) + config(1, hold3.keys+", passive: true"+keys, vip4)
			}
			p := newPeering(t, b, one(), listening(""))
			p.wantSession()
			if testing.Short() {
				return
			}
			file := newKey(t, key)
			p.site.speaker.rewrite(listening(", passwordFile: " + file))
			p.wantNoSession("the router has no key")
			p.reconfigure(withKey(key))
			p.wantSession()
			fixture.Write(t, file, otherKey)
			p.wantNoSession("the router has the old key")
			p.reconfigure(withKey(otherKey))
			p.wantSession()
			p.site.speaker.rewrite(listening(""))
			p.wantNoSession("the speaker no longer has a key")
			p.reconfigure(one())
			p.wantSession()
			p.site.speaker.wantSecret(key, otherKey)
		})
	}
}
