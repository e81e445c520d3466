package seconds

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestJSONIsANumberOfSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 26 * time.Hour: "93600", 1500 * time.Millisecond: "1.5", -time.Second: "-1", time.Nanosecond: "0.000000001",
		2704 * time.Millisecond: "2.704", -2704 * time.Millisecond: "-2.704", 10 * time.Second: "10", math.MaxInt64: "9223372036.854775807",
	} {
		text, err := json.Marshal(Duration(d))
		if err != nil || string(text) != want {
			t.Errorf("%s is %s, %v, want %s", d, text, err, want)
		}
		var back Duration
		if err := json.Unmarshal(text, &back); err != nil || time.Duration(back) != d {
			t.Errorf("%s came back as %s, %v", d, time.Duration(back), err)
		}
	}
}

func TestATooLongDurationBecomesTheLongest(t *testing.T) {
	for text, want := range map[string]int64{"9223372036.854775807": math.MaxInt64, "1e300": math.MaxInt64, "-1e300": math.MinInt64} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || int64(d) != want {
			t.Errorf("%s is %d, %v", text, d, err)
		}
	}
	var d Duration
	if err := json.Unmarshal([]byte(`"5s"`), &d); err == nil {
		t.Error("a string was accepted as a number")
	}
}
