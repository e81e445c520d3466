package bgp

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestTheManPageHasEveryKeyAndAValidExample compares the page with what is
// parsed.
func TestTheManPageHasEveryKeyAndAValidExample(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^~~~ yaml\n(.*?)^~~~$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 2 {
		t.Fatalf("got %d examples", len(blocks))
	}
	for _, block := range blocks[1:] {
		if _, err := config.ParseShared([]byte(block[1])); err != nil {
			t.Errorf("%v\n%s", err, block[1])
		}
	}
	// The first has every key. An interface excludes an address, so the one that is named in a comment counts.
	example := blocks[0][1]
	c, err := config.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.States.Degraded, plainConfig().States.Degraded) {
		t.Errorf("the page's defaults differ from the program's: %+v", c.States)
	}
	for _, key := range keysOf(reflect.TypeFor[config.Config]()) {
		if !regexp.MustCompile(`\b`+key+`:`).MatchString(example) && !strings.Contains(string(page), "`"+key) {
			t.Errorf("the page lacks %s", key)
		}
	}
	for _, d := range descriptions() {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
		if strings.HasPrefix(name, "nearcast_") && !strings.Contains(string(page), name) {
			t.Errorf("the page lacks %s", name)
		}
	}
}

// descriptions returns the descriptions of all metrics.
func descriptions() (all []*prometheus.Desc) {
	ch := make(chan *prometheus.Desc, 1000)
	newMetrics(&speaker{}).registry.Describe(ch)
	close(ch)
	for d := range ch {
		all = append(all, d)
	}
	return all
}

// keysOf are the keys of the type and of what is in it.
func keysOf(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "-" && name != "" {
			keys = append(keys, name)
		}
		if name != "-" && t.Field(i).Tag.Get("yaml") != "" {
			keys = append(keys, keysOf(t.Field(i).Type)...)
		}
	}
	return keys
}
