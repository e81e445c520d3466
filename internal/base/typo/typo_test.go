package typo

import "testing"

func TestOnlyACloseWordIsSuggested(t *testing.T) {
	known := []string{"holdTime", "port", "bfd", "vips"}
	for word, want := range map[string]string{
		"holdtime": "holdTime", "hold_time": "holdTime", "prot": "", "port": "port", "ports": "port",
		"bdf": "", "vip": "vips", "": "", "x": "", "interface": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
