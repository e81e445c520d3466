package secondary

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// TestAKeyAllowsOnlyItsOwnAlgorithm has a primary that signs correctly with the key's
// secret, with each algorithm, against keys of each algorithm.
func TestAKeyAllowsOnlyItsOwnAlgorithm(t *testing.T) {
	ours := slices.Sorted(maps.Keys(hashes))
	for _, own := range ours {
		for _, theirs := range append(ours, dns.HmacMD5) {
			key := &Key{Name: testKey.Name, Algorithm: own, Secret: testKey.Secret}
			with := &Key{Name: testKey.Name, Algorithm: theirs, Secret: testKey.Secret}
			synctest.Test(t, func(t *testing.T) {
				f := &fake{t: t, respond: serves(with, held)}
				w := follow(t, f, func(c *Config) { c.Key = key })
				defer w.stop()
				time.Sleep(time.Second)
				got, err := w.results()
				if own == theirs && !slices.Equal(got, []Result{AXFR}) {
					t.Errorf("%s: %v, %v", own, got, err)
				}
				if own != theirs && (!slices.Equal(got, []Result{BadKey}) || !strings.Contains(err.Error(), theirs) || w.served() != nil) {
					t.Errorf("%s against %s: %v, %v", theirs, own, got, err)
				}
			})
		}
	}
}
