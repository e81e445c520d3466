package main

import (
	"slices"
	"testing"

	"github.com/nearcast/nearcast/lab"
)

// wholeLab is a lab of three sites in which nothing is broken.
func wholeLab() lab.Status {
	site := func(name, functions, hello string) lab.SiteStatus {
		return lab.SiteStatus{Name: name, Functions: functions, DNS: "up", Speaker: "up", Answers: map[string]string{"hello": hello, "thumbnail": "de-wide"}}
	}
	return lab.Status{
		Sites:  []lab.SiteStatus{site("mk-core", "none", "us-azure"), site("us-azure", "up", "us-azure"), site("de-wide", "up", "de-wide")},
		Routes: []lab.RouteStatus{{Prefix: "198.51.100.53/32", From: []string{"mk-core", "us-azure", "de-wide"}}, {Prefix: "198.51.100.80/32", From: []string{"us-azure", "de-wide"}}},
		Functions: []lab.FunctionStatus{
			{Name: "hello", Up: []string{"de-wide", "us-azure"}},
			{Name: "thumbnail", Drawn: true, Up: []string{"de-wide", "us-azure"}},
		},
	}
}

// TestAFailureAndItsConsequencesAreAFewLines checks what a person reads when something breaks.
func TestAFailureAndItsConsequencesAreAFewLines(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*lab.Status)
		want   []string
	}{
		"nothing": {func(*lab.Status) {}, nil},
		"a draw by weight": {func(st *lab.Status) {
			for _, s := range st.Sites {
				s.Answers["thumbnail"] = "us-azure"
			}
		}, nil},
		"a site": {func(st *lab.Status) {
			us := &st.Sites[1]
			us.DNS, us.Functions, us.Speaker = "down", "down", "down"
			us.Answers["hello"], us.Answers["thumbnail"] = lab.NoAnswer, lab.NoAnswer
			st.Sites[0].Answers["hello"] = "de-wide"
			st.Functions[1].Up = []string{"de-wide"}
			st.Routes[0].From, st.Routes[1].From = []string{"mk-core", "de-wide"}, []string{"de-wide"}
		}, []string{
			"us-azure: dns, functions and speaker are down",
			"hello at mk-core: de-wide, no longer us-azure",
			"thumbnail: by weight from de-wide",
			"the router has no route from us-azure to 198.51.100.53/32 and 198.51.100.80/32",
		}},
		"only functions": {func(st *lab.Status) {
			st.Sites[1].Functions = "down"
			st.Sites[0].Answers["hello"], st.Sites[1].Answers["hello"] = "de-wide", "de-wide"
			st.Routes[1].From = []string{"de-wide"}
		}, []string{
			"us-azure: functions are down",
			"hello at mk-core and us-azure: de-wide, no longer us-azure",
			"the router has no route from us-azure to 198.51.100.80/32",
		}},
		"a resolver that hangs": {func(st *lab.Status) {
			st.Sites[2].Answers["hello"] = lab.NoAnswer
		}, []string{"hello at de-wide: (no answer), no longer de-wide"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := wholeLab()
			c.change(&now)
			if got := events(wholeLab(), now); !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestARecoveryShowsItsPartsAndItsRoutes omits the answers of a resolver that is up again.
func TestARecoveryShowsItsPartsAndItsRoutes(t *testing.T) {
	broken := wholeLab()
	broken.Sites[1].DNS, broken.Sites[1].Speaker = "down", "down"
	broken.Sites[1].Answers = map[string]string{"hello": lab.NoAnswer, "thumbnail": lab.NoAnswer}
	broken.Routes[0].From = []string{"mk-core", "de-wide"}
	want := []string{"us-azure: dns and speaker are up", "the router has a route from us-azure to 198.51.100.53/32"}
	if got := events(broken, wholeLab()); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
