package site

import (
	"time"

	"github.com/nearcast/nearcast/internal/base/seconds"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// ClusterStatus summarizes one cluster.
type ClusterStatus struct {
	Name    string `json:"name"`
	Region  string `json:"region"`
	Leaving string `json:"leaving,omitempty"`
}

// FunctionStatus summarizes one function, with the candidates as clients at this site
// would get them.
type FunctionStatus struct {
	Hostnames []string `json:"hostnames"`
	Function  string   `json:"function"`
	VIPs      []string `json:"vips,omitempty"`
	Outcome   string   `json:"outcome"`
	// Reason says why there is no candidate.
	Reason     string            `json:"reason,omitempty"`
	Candidates []steer.Candidate `json:"candidates"`
}

// RecordsStatus summarizes a file of records that are answered beside functions.
type RecordsStatus struct {
	File    string `json:"file"`
	Records int    `json:"records"`
	// Faults say why the file is not used as it is now, and which of its records and which
	// functions are not answered because of others.
	Faults []string `json:"faults,omitempty"`
}

// SetRecords makes the status show the files that list returns for a View.
func (s *Site) SetRecords(list func(*View) []RecordsStatus) { s.records.Store(&list) }

// Status summarizes a Site.
type Status struct {
	Site   string `json:"site"`
	Source string `json:"source"`
	// Age is how long ago the source last agreed with its origin.
	Age seconds.Duration `json:"ageSeconds"`
	// Settled is set once every placement has been probed or has had the time to be.
	Settled bool `json:"settled"`
	// Targets is the number of probed targets; InFlight is how many of them are being
	// probed now.
	Targets  int `json:"targets"`
	InFlight int `json:"inFlight"`
	// Drains are the drains at this site alone.
	Drains []steer.Drain `json:"drains,omitempty"`
	// DrainsUnkept says why they would not outlive a restart although there is a
	// directory for snapshots.
	DrainsUnkept string          `json:"drainsUnkept,omitempty"`
	Records      []RecordsStatus `json:"records,omitempty"`

	Clusters  []ClusterStatus  `json:"clusters"`
	Functions []FunctionStatus `json:"functions"`
	Faults    []string         `json:"faults,omitempty"`
	// Warnings concern objects that have a key of Nearcast's but are not read.
	Warnings []string `json:"warnings,omitempty"`
}

// leaving says why all or some of its clients are moved away from the cluster; "" if none are.
func leaving(c *federation.Cluster) string {
	if c.Leaving == "" && c.Shed > 0 {
		return c.Shed.String() + " drained by annotation"
	}
	return c.Leaving
}

func (s *Site) status(v *View) Status {
	st := Status{
		Site: v.Site.String(), Source: s.config.Source.Key(),
		Age: seconds.Duration(time.Since(s.Confirmed()).Round(time.Millisecond)), Settled: s.Settled(),
		Clusters: []ClusterStatus{}, Functions: []FunctionStatus{}, // [] in JSON if empty
	}
	st.Targets, st.InFlight = s.prober.Count()
	st.Drains, st.DrainsUnkept = v.Drains, s.drains.unkept()
	if list := s.records.Load(); list != nil {
		st.Records = (*list)(v)
	}
	for i := range v.State.Clusters {
		c := &v.State.Clusters[i]
		st.Clusters = append(st.Clusters, ClusterStatus{c.Name, c.Region, leaving(c)})
	}
	for _, i := range v.State.Sorted() {
		f, q := v.State.Functions.At(i), steer.Question{Function: i}
		fs := FunctionStatus{
			Hostnames: f.Hostnames, Function: f.String(),
			Candidates: v.Table.Explain(v.Standing, q, s.prober.Verdict),
		}
		for _, vip := range f.VIPs {
			fs.VIPs = append(fs.VIPs, vip.String())
		}
		fs.Outcome, _ = v.outcome(q, fs.Candidates)
		if len(f.Placements) == 0 {
			fs.Reason = nowhere(f)
		}
		st.Functions = append(st.Functions, fs)
	}
	for _, f := range v.State.Faults {
		if f.Warning {
			st.Warnings = append(st.Warnings, f.Error())
		} else {
			st.Faults = append(st.Faults, f.Error())
		}
	}
	return st
}
