package rpz

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestSettingsThatHaveNoEffectAreNamedWithTheirLine(t *testing.T) {
	for _, c := range []struct {
		own, block string
		want       []string
	}{
		{"", "", nil},
		{"", "min-ns-dots 2", []string{"5: min-ns-dots: has no effect without `delegation on`"}},
		{"", "min-ns-dots 2\ndelegation off", []string{"5: min-ns-dots: has no effect without `delegation on`"}},
		{"", "min-ns-dots 2\ndelegation on", nil},
		{"", "delegation on\nmin-ns-dots 2", nil},
		{"log yes", "log 0", []string{"4: zone rpz1.: log: `yes` has no effect with `log 0` of the block"}},
		{"log no", "log 0", nil},
		{"log yes", "log 1", nil},
		{"max-policy-ttl 9s\npolicy nxdomain", "", []string{"4: zone rpz1.: max-policy-ttl: has no effect with `policy nxdomain`"}},
		{"policy drop\nmax-policy-ttl 9s\nadd-soa yes\nede blocked", "", []string{"5: zone rpz1.: max-policy-ttl: has no effect with `policy drop`",
			"6: zone rpz1.: add-soa: has no effect with `policy drop`", "7: zone rpz1.: ede: has no effect with `policy drop`"}},
		{"policy tcp-only\nadd-soa yes\nede blocked", "", []string{"5: zone rpz1.: add-soa: has no effect with `policy tcp-only`"}},
		{"policy drop keep-local-data\nmax-policy-ttl 9s\nadd-soa yes\nede blocked", "", nil},
		{"policy cname b.test\nmax-policy-ttl 9s\nadd-soa no\nede blocked", "", nil},
		{"policy nodata\nadd-soa no\nede blocked", "", nil},
		{"shadow\npolicy disabled", "", []string{"4: zone rpz1.: shadow: has no effect with `policy disabled`"}},
		{"shadow\nmax-policy-ttl 9s\nadd-soa no\nlog yes", "", nil}, // a list that is tried out
	} {
		dir := t.TempDir()
		fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("a.test CNAME .\n"))
		own := c.own
		if own != "" {
			own += "\n"
		}
		corefile := fmt.Sprintf(". {\nrpz {\nzone rpz1 {\n%sfile %s/rpz1\n}\n%s\n}\n}\n", own, dir, c.block)
		if c.own == "" { // the block's settings before the zone
			corefile = fmt.Sprintf(". {\nrpz {\n\n\n%s\nzone rpz1 {\nfile %s/rpz1\n}\n}\n}\n", c.block, dir)
		}
		path := filepath.Join(dir, "Corefile")
		fixture.Write(t, path, corefile)
		faults, doubts := Check(path)
		if len(faults) > 0 {
			t.Fatalf("%s\n%v", corefile, faults)
		}
		var got []string
		for _, d := range doubts {
			got = append(got, strings.TrimPrefix(d.Error(), path+":"))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q %q:\n got %q\nwant %q", c.own, c.block, got, c.want)
		}
	}
}
