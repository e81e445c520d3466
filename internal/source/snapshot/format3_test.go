package snapshot

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// file3 returns a file of format 3 with the lines.
func file3(lines []byte) []byte {
	text := append(fmt.Appendf(nil, "%s3 \"k\"\n", magic), lines...)
	return fmt.Appendf(text, checksum, sha256.Sum256(text))
}

// TestTheFormatBeforeIsReadWhole reads what the version before wrote of contents, and
// what it says of other clusters' annotations.
func TestTheFormatBeforeIsReadWhole(t *testing.T) {
	old, err := os.ReadFile("testdata/format3.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := read(bytes.NewReader(old), "karmada x")
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t)
	if !c.Saved.Equal(want.Saved) || !c.Confirmed.Equal(want.Confirmed) {
		t.Errorf("saved %s, confirmed %s", c.Saved, c.Confirmed)
	}
	stale(want.Verdicts)
	for target, v := range want.Verdicts {
		v.Since = v.Since.UTC() // as JSON has it
		want.Verdicts[target] = v
	}
	if !reflect.DeepEqual(c.Verdicts, want.Verdicts) {
		t.Errorf("%+v\nwant %+v", c.Verdicts, want.Verdicts)
	}
	for _, o := range c.Objects {
		federation.MetaOf(o).File = "" // it was in another folder
	}
	for _, o := range want.Objects {
		federation.MetaOf(o).File = ""
	}
	if got, want := state(c.Objects), state(want.Objects); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestABindingOfTheFormatBeforeIsReadWhole has members out of order, and one of which
// nothing is seen.
func TestABindingOfTheFormatBeforeIsReadWhole(t *testing.T) {
	c, err := read(bytes.NewReader(file3([]byte(`{"Binding":{"Group":"work.karmada.io","Kind":"ResourceBinding","Namespace":"ns","Name":"web-service",`+
		`"Resource":{"Kind":"Service","Namespace":"ns","Name":"web"},"Evictions":[{"Cluster":"c"}],"Unscheduled":"none fits","Members":[`+
		`{"Cluster":"b","Placed":true,"Replicas":2,"Seen":{"Applied":true,"Health":1}},`+
		`{"Cluster":"c","Seen":{"WasApplied":true,"Message":"refused"}},{"Cluster":"a","Placed":true}]}}`))), "k")
	if err != nil {
		t.Fatal(err)
	}
	want := federation.NewBinding(federation.NewMeta(federation.Ref{Group: "work.karmada.io", Kind: "ResourceBinding", Namespace: "ns", Name: "web-service"}),
		federation.Ref{Kind: "Service", Namespace: "ns", Name: "web"})
	want.Evictions, want.Unscheduled = []federation.Eviction{{Cluster: "c"}}, "none fits"
	want.Place("a", 0)
	want.Place("b", 2)
	want.Observe("b", federation.Observed{Applied: true, Health: federation.Healthy})
	want.Observe("c", federation.Observed{WasApplied: true, Message: "refused"})
	if len(c.Objects) != 1 || !reflect.DeepEqual(c.Objects[0], want) {
		t.Errorf("%+v, want %+v", c.Objects, want)
	}
}

// TestABadAnnotationOfTheFormatBeforeIsRefusedAlone has one on a cluster, which counts
// without it.
func TestABadAnnotationOfTheFormatBeforeIsRefusedAlone(t *testing.T) {
	c, err := read(bytes.NewReader(file3([]byte(`{"Cluster":{"Kind":"Cluster","Name":"a","Annotations":[{"Key":"nearcast.dev/cots","Value":"1"}]}}`))), "k")
	if err != nil || len(c.Refused) != 1 || len(c.Objects) != 1 {
		t.Errorf("%v, %v, refused %v", err, c.Objects, c.Refused)
	}
}

// TestImpossibleValuesOfTheFormatBeforeAreRefused: printing or answering them would panic.
func TestImpossibleValuesOfTheFormatBeforeAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		`{"Cluster":{"Name":"a","Ready":9}}`:                                                            "has the readiness 9",
		`{"Binding":{"Members":[{"Cluster":"a","Seen":{"Health":7}}]}}`:                                 "has a health or an address",
		`{"Binding":{"Members":[{"Cluster":"a","Seen":{"LoadBalancer":{"V4":["2001:db8::1"]}}}]}}`:      "has a health or an address",
		`{"Lookup":{"Name":"lb.example.","Endpoint":{"V6":["192.0.2.1"]}}}`:                             "of lb.example. are of the wrong family",
		`{"Verdict":{"Target":{"Kind":"tcp","Addr":"192.0.2.1:80"},"Verdict":{"State":3,"Reason":""}}}`: "tcp://192.0.2.1:80 has the state 3",
	} {
		if _, err := read(bytes.NewReader(file3([]byte(line))), "k"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Cluster":{"Name":"a","Annotations":[{"Key":"nearcast.dev/cost","Value":"1"}]}}{"Template":null}{"Template":{}}{"Verdict":{}}{"Binding":{"Members":[{"Cluster":"a","Seen":{}}]}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		// Otherwise the checksum would hide the rest from the fuzzer.
		c, err := read(bytes.NewReader(file3(data)), "k")
		if err != nil {
			return
		}
		state(c.Objects) // what was read can be built
	})
}
