package policy

import (
	"strings"
	"testing"
)

func TestOptionsAreCheckedByName(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no policy given; known policies: anycast, cheapest, failover, fastest, nearest, spread, weighted",
		"closest":                      `unknown policy "closest"; known policies: anycast`,
		"nearest sticky":               `policy nearest: unknown option "sticky"; known options: N, threshold N%, allow clusters|clients REGION[/ZONE],..., deny clusters|clients REGION[/ZONE],..., when-down answer|fail|fallback ADDRESS...|NAME`,
		"weighted stick":               `policy weighted: unknown option "stick"; known options: threshold N%, allow clusters|clients REGION[/ZONE],..., deny clusters|clients REGION[/ZONE],..., when-down answer|fail|fallback ADDRESS...|NAME, sticky`,
		"cheapest budget":              "policy cheapest: budget takes D",
		"cheapest budget -1s":          `policy cheapest: budget: "-1s" is not a duration from 0s to 1h`,
		"nearest threshold 50":         `policy nearest: threshold: "50" is not a share from 0% to 100%`,
		"fastest trips NaN":            `policy fastest: trips: "NaN" is not a number from 0 to 100`,
		"fastest cold wasm":            "policy fastest: cold takes RUNTIME D",
		"fastest cold wasm 1m x":       `policy fastest: unknown option "x"; known options: N, threshold N%, allow clusters|clients REGION[/ZONE],..., deny clusters|clients REGION[/ZONE],..., when-down answer|fail|fallback ADDRESS...|NAME, trips N, cold RUNTIME D, processing RUNTIME D`,
		"fastest cold a 1s b 2s":       `policy fastest: unknown option "b"`,
		"spread threshold 50% 10":      `policy spread: unknown option "10"`,
		"spread 2":                     `policy spread: unknown option "2"`,
		"nearest 0":                    `policy nearest: "0" is not a number of clusters from 1 to 16`,
		"nearest 99999999999999999999": `policy nearest: "99999999999999999999" is not a number of clusters from 1 to 16`,
		"nearest allow":                "policy nearest: allow takes clusters|clients REGION[/ZONE],...",
		"nearest deny sites eu":        `policy nearest: deny: "sites" is neither clusters nor clients`,
		"nearest deny clusters eu,":    `policy nearest: deny: "" is not REGION[/ZONE]`,
		"nearest allow clients eu/":    `policy nearest: allow: "eu/" is not REGION[/ZONE]`,
		"nearest allow clients " + strings.Repeat("a,", 64) + "a": "policy nearest: allow clients: 65 places; the limit is 64",
		"anycast deny clusters us":                                "policy anycast: clusters cannot be limited",
		"nearest when-down":                                       "policy nearest: when-down: takes answer, fail, fallback ADDRESS... or fallback NAME",
		"nearest when-down fial":                                  `policy nearest: when-down: "fial" is unknown; it takes answer`,
		"nearest when-down fallback":                              "policy nearest: when-down: fallback takes ADDRESS... or NAME",
		"nearest when-down fallback sorry":                        `policy nearest: when-down: fallback: "sorry" is neither an IP address nor a domain name of two labels or more`,
		"nearest when-down fallback fe80::1%lo":                   `policy nearest: when-down: fallback: "fe80::1%lo" is neither`,
		"nearest when-down fallback 192.0.2.300":                  `policy nearest: when-down: fallback: "192.0.2.300" is not an IP address`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"fastest cold wasm 1ms cold kata 2s trips 2 threshold 10%", "weighted sticky threshold 50%", "cheapest budget 0s",
		"nearest 2 allow clusters eu,ch/zh deny clients us when-down fallback 192.0.2.1 2001:db8::1 threshold 50%", "failover when-down fail threshold 1%",
	} {
		if p, err := Parse(text); err != nil || p.String() != text {
			t.Errorf("%q became %q, %v", text, p, err)
		}
	}
}

func TestAFenceHoldsForEveryZone(t *testing.T) {
	for text, places := range map[string]map[string]bool{
		"nearest allow clusters eu,us/east":                              {"eu": true, "eu/a": true, "us": false, "us/east": true, "us/east,west": false, "": false},
		"nearest deny clusters us/east,cn":                               {"eu": true, "us": true, "us/west": true, "us/east,west": false, "cn/a": false, "": true},
		"nearest allow clusters eu deny clusters eu/a allow clusters us": {"eu/b": true, "eu/a": false, "eu/a,b": false, "us": true, "cn": false},
	} {
		r, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for place, want := range places {
			region, list, _ := strings.Cut(place, "/")
			var zones []string
			if list != "" {
				zones = strings.Split(list, ",")
			}
			if got := r.Clusters.Admits(region, zones); got != want {
				t.Errorf("%s: %s: %t", text, place, got)
			}
		}
		if r.Clients.Limits() {
			t.Errorf("%s limits clients", text)
		}
	}
}

func TestWhenDownIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"answer": "answer", "fail": "fail", "fallback Sorry.Example.NET": "fallback sorry.example.net.",
		"fallback 192.0.2.1 192.0.2.1 ::ffff:192.0.2.2": "fallback 192.0.2.1 192.0.2.2",
	} {
		if w, err := ParseWhenDown(text); err != nil || w.String() != want {
			t.Errorf("%q became %v, %v", text, w, err)
		}
	}
	if _, err := ParseWhenDown("fallback 192.0.2.1 sorry.example.net"); err == nil || !strings.Contains(err.Error(), `"sorry.example.net" is unexpected`) {
		t.Errorf("addresses and a name: %v", err)
	}
}
