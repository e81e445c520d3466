package command

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/base/seconds"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/plugin/rpz"
)

// replies are all types that commands print with -o json, and that admin sockets receive or send.
var replies = []any{
	site.Explanation{}, site.Status{}, []site.Drained{}, []hint.Hint{}, drained{}, []finding{},
	bgp.Status{}, explainedVIP{}, routerText{}, lab.Status{}, explained{}, rpz.Status{}, []rpz.Refreshed{}, rpz.Switched{},
}

func TestDurationsAreSecondsInJSON(t *testing.T) {
	for _, reply := range replies {
		for _, fault := range faultsOfTime(reflect.TypeOf(reply), reflect.TypeOf(reply).String()) {
			t.Error(fault)
		}
	}
	// The walk finds nested durations too.
	type deep struct {
		Unsaid time.Duration `json:"-"`
		All    map[string][]*struct{ Wait time.Duration }
		Age    seconds.Duration `json:"age"`
		Any    any
		Good   seconds.Duration `json:"goodSeconds,omitempty"`
		At     time.Time
	}
	want := "[deep.All.Wait is in nanoseconds; make it a seconds.Duration deep.Age is seconds, and its name age does not say so deep.Any may be anything]"
	if got := fmt.Sprint(faultsOfTime(reflect.TypeFor[deep](), "deep")); got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
}

// faultsOfTime returns the durations in the type that JSON does not show as seconds.
func faultsOfTime(t reflect.Type, path string) (faults []string) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return []string{path + " is in nanoseconds; make it a seconds.Duration"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return nil // it marshals itself
	}
	switch t.Kind() {
	case reflect.Interface:
		return []string{path + " may be anything"}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return faultsOfTime(t.Elem(), path)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && len(f.Index) == 1 {
				faults = append(faults, faultsOfField(f, path+"."+f.Name)...)
			}
		}
	}
	return faults
}

func faultsOfField(f reflect.StructField, path string) []string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "-":
		return nil
	case f.Type == reflect.TypeFor[seconds.Duration]() && !strings.HasSuffix(name, "Seconds"):
		return []string{fmt.Sprintf("%s is seconds, and its name %s does not say so", path, name)}
	}
	return faultsOfTime(f.Type, path)
}
