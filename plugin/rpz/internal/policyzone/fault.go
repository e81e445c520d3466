package policyzone

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Fault is a rule that cannot be used or, with Doubtful, a usable rule that may not do what is meant.
type Fault struct {
	Owner, Reason string
	Doubtful      bool
	// Line is its line in the file; 0 if that is not known.
	Line int
}

// In returns the fault as an error that names its file and line.
func (f Fault) In(file string) error { return fmt.Errorf("%s:%d: %s", file, f.Line, f) }

// String returns the fault as a sentence.
func (f Fault) String() string {
	if f.Doubtful {
		return fmt.Sprintf("the rule %s is used, but %s", f.Owner, f.Reason)
	}
	return fmt.Sprintf("the rule %s cannot be used: %s", f.Owner, f.Reason)
}

// Faults returns the rules that cannot be used, by owner.
func (z *Zone) Faults() []Fault { return z.remarks(false) }

// Doubts returns the usable rules that may not do what is meant, by owner.
func (z *Zone) Doubts() []Fault { return z.remarks(true) }

func (z *Zone) remarks(doubtful bool) (all []Fault) {
	for _, owner := range slices.Sorted(maps.Keys(z.faults)) {
		if r := z.faults[owner]; r.doubtful == doubtful {
			all = append(all, Fault{Owner: owner, Reason: r.reason, Doubtful: doubtful, Line: r.line})
		}
	}
	return all
}

// remark is what a zone keeps of a Fault.
type remark struct {
	reason   string
	doubtful bool
	line     int
}

// doubt is the error of a rule that is used nevertheless.
type doubt string

func (d doubt) Error() string { return string(d) }

func remarkOf(fault error) remark {
	_, doubtful := fault.(doubt) //nolint:errorlint // it is never wrapped
	return remark{reason: fault.Error(), doubtful: doubtful}
}

// doubtOf returns a doubt if local data is a CNAME to a name in the policy zone, which nobody can look up: usually
// the final dot was forgotten.
func doubtOf(to, zone string) error {
	if zone == "." || !strings.HasSuffix(to, zone) { // most are outside, and making an error is slow
		return nil
	}
	relative, err := relativeTo(to, zone)
	if err != nil {
		return nil //nolint:nilerr // it belongs to another zone, so there is no doubt
	}
	label, _, _ := strings.Cut(relative, ".")
	_, action := targets[label+"."]
	switch {
	case relative == "":
		return doubt("its CNAME points to the policy zone itself: write CNAME . for NXDOMAIN, CNAME *. for NODATA")
	case action && (label != "*" || relative == label):
		return doubt(fmt.Sprintf("its CNAME points to %s: the trailing dot of %s. is missing", to, label))
	}
	return doubt(fmt.Sprintf("its CNAME points to %s, a name in the policy zone: a name without a trailing dot is relative to the zone", dns.Fqdn(to)))
}
