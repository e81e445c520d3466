package bgp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestADrainHoldsWhateverHappensToTheDisk has a file in the place of the directory, as a stand-in
// for a disk that rejects writes; the hostile suite has full and read-only disks.
func TestADrainHoldsWhateverHappensToTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		d, err := openDrains(dir)
		if err != nil {
			t.Fatal(err)
		}
		replace := func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		replace()
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		log := &fixture.Output{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.keep(ctx, slog.New(slog.NewTextHandler(log, nil)))
		}()
		for _, reason := range []string{"first", "second"} {
			if err := d.set(vip.Drain{Reason: reason}, time.Now()); err != nil {
				t.Fatal(err)
			}
			d.file.Save(ctx)
		}
		if all := d.now(time.Now()); len(all) != 1 || all[0].Reason != "second" {
			t.Errorf("%v", all)
		}
		if got := d.unsaved(); !strings.Contains(got, "cannot write ") || !strings.Contains(got, "bgp-drains.json") {
			t.Errorf("%q", got)
		}
		time.Sleep(10 * time.Minute)
		if n := strings.Count(log.String(), "cannot save drains"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, log)
		}
		replace()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := d.unsaved(); got != "" || !strings.Contains(log.String(), "saved to disk again") {
			t.Errorf("%q, log:\n%s", got, log)
		}
		if again, err := openDrains(dir); err != nil || len(again.all) != 1 || again.all[0].Reason != "second" {
			t.Errorf("after a restart: %+v, %v", again, err)
		}
		cancel()
		<-ended
	})
}

// TestADamagedDrainFileDoesNotPreventAStart has a file that was cut off, one of nothing but
// zeros, a directory that cannot be created and one in the place of the file: valid drains hold, and
// the next drain is written.
func TestADamagedDrainFileDoesNotPreventAStart(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		holds int
		says  string
	}{
		"empty":   {"", 0, "is not a JSON array"},
		"zeros":   {strings.Repeat("\x00", 100), 0, "is not a JSON array"},
		"cut off": {`[{"vip": "198.51.100.53"}, {"vip": "198.51`, 1, "entry 2: unexpected EOF"},
		"odd":     {`[{"vip": "198.51.100.53"}, {"vip": "x"}, null, {}]`, 2, "entry 3: is null"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "bgp-drains.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := openDrains(dir)
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) || len(d.all) != c.holds {
				t.Fatalf("%v, %v", d.all, err)
			}
			if aside, err := os.ReadFile(path + ".damaged"); err != nil || string(aside) != c.text {
				t.Errorf("got file %q set aside, %v", aside, err)
			}
			if d.unsaved() == "" {
				t.Error("the valid entries are not on disk, but reported as saved")
			}
			keptOnce(t, d)
			if again, err := openDrains(dir); err != nil || len(again.all) != c.holds || d.unsaved() != "" {
				t.Errorf("after a restart without a command: %v, %v, %s", again.all, err, d.unsaved())
			}
			if err := d.set(vip.Drain{VIP: netip.MustParseAddr("192.0.2.9")}, time.Now()); err != nil {
				t.Fatal(err)
			}
			keptOnce(t, d)
			if again, err := openDrains(dir); err != nil || len(again.all) != c.holds+1 {
				t.Errorf("after a restart: %v, %v", again.all, err)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := openDrains(dir); d == nil || err == nil || !strings.Contains(err.Error(), "cannot create the directory") {
		t.Errorf("a file in the place of the directory: got %v", err)
	}
}

// keptOnce starts and stops keep, without a command.
func keptOnce(t *testing.T, d *drains) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.keep(ctx, discard)
}

// TestAnUndrainOfWhatWasNotDrainedNamesWhatIs has the drain of one VIP, of every VIP, and of many.
func TestAnUndrainOfWhatWasNotDrainedNamesWhatIs(t *testing.T) {
	now := time.Now()
	var all []vip.Drain
	for i := range 5 {
		all = append(all, vip.Drain{VIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
	}
	for _, test := range []struct {
		drains []vip.Drain
		vip    netip.Addr
		want   string
	}{
		{nil, netip.Addr{}, "no drain of every VIP was started here: nothing is drained"},
		{all[:1], netip.Addr{}, "no drain of every VIP was started here: undrain what is drained: 192.0.2.0"},
		{[]vip.Drain{{}}, all[0].VIP, "no drain of 192.0.2.0 was started here: undrain what is drained: every VIP"},
		{all, netip.Addr{}, "no drain of every VIP was started here: undrain what is drained: 192.0.2.0, 192.0.2.1, 192.0.2.2, 2 more"},
	} {
		d := &drains{all: test.drains}
		if err := d.remove(test.vip, now); fmt.Sprint(err) != test.want {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}
