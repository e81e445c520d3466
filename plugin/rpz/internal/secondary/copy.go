package secondary

import (
	"math"
	"time"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Copy is the last good copy on disk of a zone that does not come from a primary. It belongs to one goroutine.
type Copy struct{ store store }

// NewCopy names the file of the zone's copy. It makes the directory if it is missing.
func NewCopy(path, zone string) *Copy {
	return &Copy{store{path: path, zone: policyzone.Canonical(zone), limit: math.MaxInt}}
}

// Load returns the copy and when it was saved; nil if there is none. An error says that the file is damaged, and
// was set aside or cut off.
func (c *Copy) Load() (*policyzone.Zone, time.Time, error) { return c.store.load() }

// Save replaces the copy.
func (c *Copy) Save(z *policyzone.Zone) error {
	_, err := c.store.write(z, time.Now())
	return err
}
