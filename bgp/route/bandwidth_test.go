package route

import (
	"strings"
	"testing"
)

func TestABandwidthIsReadWithItsUnit(t *testing.T) {
	for text, want := range map[string]struct {
		bits  Bandwidth
		bytes float32
		shown string
	}{
		"10G":         {10_000_000_000, 1.25e9, "10G"},
		"10g":         {10_000_000_000, 1.25e9, "10G"},
		"2.5G":        {2_500_000_000, 3.125e8, "2500M"},
		"2500M":       {2_500_000_000, 3.125e8, "2500M"},
		"2.50G":       {2_500_000_000, 3.125e8, "2500M"},
		"0.000001G":   {1000, 125, "1K"},
		"1.000000M":   {1_000_000, 125_000, "1M"},
		"1K":          {1000, 125, "1K"},
		"100.100M":    {100_100_000, 1.25125e7, "100100K"},
		"1000T":       {1_000_000_000_000_000, 1.25e14, "1000T"},
		"4294967295K": {4_294_967_295_000, 536870911875, "4294967295K"},
	} {
		var b Bandwidth
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want.bits || b.BytesPerSecond() != want.bytes || b.String() != want.shown {
			t.Errorf("%s: got %d, %g bytes, %s, %v; want %+v", text, b, b.BytesPerSecond(), b, err, want)
		}
	}
}

func TestAnInvalidBandwidthIsRejected(t *testing.T) {
	const form = "write bits per second as a decimal number with K, M, G or T, such as 10G or 2.5M"
	for text, want := range map[string]string{
		"10000000000": form, "10Gbps": form, "10 G": form, "100 Gbit": form, "": form, "G": form, "-1G": form, "1e3M": form, "1.G": form, ".5G": form,
		"1.2.3G": form, "010G": form, "+1G": form, "99999999999999999999G": form, "infG": form, "١G": form,
		"0G": "is not from 1K to 1000T", "0.0T": "is not from 1K", "1001T": "is not from 1K", "1000.000000001T": "is not from 1K",
		"0.5K": "must be whole kilobits", "1.0000001M": "must be whole kilobits",
	} {
		var b Bandwidth
		if err := b.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %d, %v, want %s", text, b, err, want)
		}
	}
}

func FuzzBandwidth(f *testing.F) {
	for _, text := range []string{"10G", "2.5g", "1000T", "1K", "0.000001G", "4294967295K", "1.G"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, back Bandwidth
		if b.UnmarshalText([]byte(text)) != nil {
			return
		}
		if b < kilobit || b > maxBandwidth || b%kilobit != 0 || b.BytesPerSecond() <= 0 {
			t.Errorf("%q: got %d", text, b)
		}
		if err := back.UnmarshalText([]byte(b.String())); err != nil || back != b {
			t.Errorf("%q: got %d, shown as %s, and read back as %d, %v", text, b, b, back, err)
		}
	})
}
