package loopback

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// TestAStartRemovesExactlyTheAddressesOfNoFile kills a speaker, and has another
// start beside different states of its file.
func TestAStartRemovesExactlyTheAddressesOfNoFile(t *testing.T) {
	const vip4, vip6 = "198.51.100.53", "2001:db8:53::53"
	config := func(vips ...string) string {
		text := "asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500, families: [ipv4, ipv6], nextHop: \"2001:db8::11\"}]\nvips:\n"
		for _, vip := range vips {
			text += fmt.Sprintf("- {address: %q, bind: lo, checks: [{tcp: {address: \"127.0.0.1:53\"}}]}\n", vip)
		}
		return text
	}
	for name, c := range map[string]struct {
		becomes func(file string, files Files) error
		want    string // the addresses that remain
	}{
		"the file still has them":                {func(string, Files) error { return nil }, vip4 + " " + vip6},
		"the file has one of them":               {func(file string, _ Files) error { return os.WriteFile(file, []byte(config(vip6)), 0o600) }, vip6},
		"the file has another address":           {func(file string, _ Files) error { return os.WriteFile(file, []byte(config("198.51.100.99")), 0o600) }, ""},
		"the file is gone":                       {func(file string, _ Files) error { return os.Remove(file) }, ""},
		"the file was moved":                     {func(file string, _ Files) error { return os.Rename(file, file+".old") }, ""},
		"the file is invalid":                    {func(file string, _ Files) error { return os.WriteFile(file, []byte("asn: x\n"), 0o600) }, vip4 + " " + vip6},
		"the file is unknown":                    {func(file string, files Files) error { files.Forget(one); return os.Remove(file) }, vip4 + " " + vip6},
		"the file is gone, but its speaker runs": {func(file string, _ Files) error { return os.Remove(file) }, vip4 + " " + vip6},
	} {
		t.Run(name, func(t *testing.T) {
			netns.Enter(t)
			file, files := filepath.Join(t.TempDir(), "speaker.yaml"), Files(filepath.Join(t.TempDir(), "made"))
			if err := os.WriteFile(file, []byte(config(vip4, vip6)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := files.Note(one, file); err != nil {
				t.Fatal(err)
			}
			bind(t, one, addrs(vip4, vip6)...)
			ip(t, "addr", "add", "203.0.113.1/32", "dev", "lo") // of another program
			if strings.HasSuffix(name, "runs") {
				release, err := one.Claim(file)
				if err != nil {
					t.Fatal(err)
				}
				defer release()
			}
			if err := c.becomes(file, files); err != nil {
				t.Fatal(err)
			}
			b := New(two, files)
			if bound, err := b.Bind(addrs("198.51.100.54"), nil); err != nil {
				t.Fatal(bound, err)
			}
			want := strings.Fields("127.0.0.1 198.51.100.54 203.0.113.1 ::1 " + c.want)
			got := strings.Fields(held(t))
			if len(got) != len(want) {
				t.Errorf("got %s on lo, want %s", got, want)
			}
			for _, a := range want {
				if !strings.Contains(held(t)+" ", a+" ") {
					t.Errorf("got %s on lo, want %s", got, want)
				}
			}
		})
	}
}

// TestAnAddressIsKnownByItsMetricAlone, as on a kernel that keeps no protocol number.
func TestAnAddressIsKnownByItsMetricAlone(t *testing.T) {
	netns.Enter(t)
	for _, a := range []string{"198.51.100.53/32", "2001:db8:53::53/128", "198.51.100.54/32"} {
		metric := "1"
		if strings.Contains(a, ".54") {
			metric = "2"
		}
		ip(t, "addr", "add", a, "dev", "lo", "metric", metric)
	}
	bind(t, one, netip.MustParseAddr("198.51.100.53"))
	if got, want := held(t), "127.0.0.1 198.51.100.53 198.51.100.54 ::1"; got != want {
		t.Errorf("got %s on lo, want %s", got, want)
	}
}
