package federation

import (
	"encoding/json"
	"testing"
)

func TestAShareIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]Eighths{"12.5%": 1, "25%": 2, "50.0%": 4, "87.5%": 7, "100%": 8} {
		s, err := ParseEighths(text)
		if err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		raw, err := json.Marshal(s)
		var again Eighths
		if err != nil || json.Unmarshal(raw, &again) != nil || again != s {
			t.Errorf("%s: became %s, and then %s", text, raw, again)
		}
	}
	for _, text := range []string{"", "%", "0%", "10%", "12.4%", "101%", "112.5%", "25", "-25%", "NaN%", "Inf%", "1e300%", "25 %"} {
		if s, err := ParseEighths(text); err == nil {
			t.Errorf("%q: %s", text, s)
		}
	}
}
