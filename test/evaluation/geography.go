package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/lab"
)

// Country is where clients, clusters and services are.
type Country struct {
	// Code is its region in the lab.
	Code, Name string
	// Client is the address that its clients ask from, on loopback.
	Client netip.Addr
	// Resolver is the site whose CoreDNS its clients use: the nearest cluster's.
	Resolver string
	// Sites are its clusters that run functions.
	Sites []string
}

// Countries are the paper's three locations.
var Countries = []Country{
	{"mk", "North Macedonia", netip.MustParseAddr("127.0.20.1"), "hpc-kube", []string{"hpc-kube", "l26-ugd"}},
	{"de", "Germany", netip.MustParseAddr("127.0.21.1"), "de-wide", []string{"de-wide"}},
	{"us", "USA", netip.MustParseAddr("127.0.22.1"), "us-azure", []string{"us-azure"}},
}

// locations is the table of clients' locations for the lab's resolvers.
const locations = "127.0.20.0/24,mk,mk-skopje\n127.0.21.0/24,de,de-fra\n127.0.22.0/24,us,us-east\n"

// roundTrips are between the countries. The paper prints its figure 4 as a picture
// only, so these come from elsewhere; sources has the reasons, for the report.
var roundTrips = map[[2]string]time.Duration{
	{"de", "us"}: 88 * time.Millisecond,
	{"de", "mk"}: 30 * time.Millisecond,
	{"mk", "us"}: 118 * time.Millisecond,
}

// within is the round trip inside a country.
const within = 5 * time.Millisecond

// sources are the reasons for the round trips, a row each.
const sources = `| between | ms | why |
|---|---|---|
| Germany, USA | 88 | IBM Cloud's published monthly mean between Frankfurt and Washington DC, 8 November to 7 December 2025 (ibm-cloud-docs/vpc, network-latency) |
| Germany, North Macedonia | 30 | no public table has Skopje; the same table's Frankfurt and Madrid, which are as far apart (1,450 km; Skopje 1,360 km), have 29 |
| North Macedonia, USA | 118 | the sum, as the cables go through Germany; the paper's text says "more than 100 ms in the most extreme case" |
| inside a country | 5 | chosen: an access network and a few hundred kilometres |
`

// roundTrip returns what lies between two countries.
func roundTrip(a, b string) time.Duration {
	if a == b {
		return within
	}
	return roundTrips[[2]string{min(a, b), max(a, b)}]
}

// countryOf returns where a site is.
func countryOf(site string) string {
	if site == "mk-core" {
		return "mk" // it runs no functions
	}
	for _, c := range Countries {
		for _, s := range c.Sites {
			if s == site {
				return c.Code
			}
		}
	}
	panic("no country has site " + site)
}

// siteAt returns the site whose gateway has the address.
func siteAt(addr netip.Addr) (lab.Site, error) {
	for _, s := range lab.Sites {
		if s.Gateway.IsValid() && s.Gateway.Addr() == addr {
			return s, nil
		}
	}
	return lab.Site{}, fmt.Errorf("%s is not the gateway of a cluster", addr)
}

// siteNamed returns a site of the lab.
func siteNamed(name string) lab.Site {
	for _, s := range lab.Sites {
		if s.Name == name {
			return s
		}
	}
	panic("unknown site " + name)
}

// functionSites are the sites that run functions, country by country.
func functionSites() (all []string) {
	for _, c := range Countries {
		all = append(all, c.Sites...)
	}
	return all
}
