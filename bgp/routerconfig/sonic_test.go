package routerconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestFRRLoadsWhatSONiCMakes has FRR read the text for SONiC, as the statements into which
// the management framework's frrcfgd translates it.
func TestFRRLoadsWhatSONiCMakes(t *testing.T) {
	each(t, func(t *testing.T, router string, _ *config.Config, p *config.Peer, text string) {
		if router == "sonic" {
			wantLoaded(t, frrOfSONiC(t, text, p.ASN))
		}
	})
}

// sonicOfBGP maps the columns of a neighbor or a peer group to FRR's
// statements; columns without one are combined with others.
var sonicOfBGP = map[string]string{
	"asn": "remote-as %s", "name": "description %s", "local_addr": "update-source %s", "ttl_security_hops": "ttl-security hops %s",
	"ebgp_multihop_ttl": "ebgp-multihop %s", "bfd": "bfd", "capability_ext_nexthop": "capability extended-nexthop", "passive_mode": "passive",
	"conn_retry": "timers connect %s", "peer_port": "port %s", "ebgp_multihop": "", "holdtime": "", "keepalive": "", "auth_password": "",
	"peer_group_name": "",
}

// frrOfSONiC returns the statements that frrcfgd gives FRR. A table or a column that it does not
// know fails the test, and so does a row that names one that is missing.
func frrOfSONiC(t *testing.T, text string, asn uint32) string {
	_, text, _ = strings.Cut(text, "<<'END'\n")
	text, _, ok := strings.Cut(text, "\nEND\nsudo config load -y \"$f\"\n")
	if !ok {
		t.Fatalf("got no here-document:\n%s", text)
	}
	var d map[string]map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	ip := map[string]string{"IPv4": "ip", "IPv6": "ipv6"}
	for key, r := range sorted(d["PREFIX"]) {
		part := strings.Split(key, "|")
		set := d["PREFIX_SET"][part[0]]
		length := ""
		if low, high, ok := strings.Cut(part[2], ".."); ok {
			length = " ge " + low + " le " + high
		}
		fmt.Fprintf(out, "%s prefix-list %s %s %s%s\n", ip[set["mode"].(string)], part[0], r["action"], part[1], length)
	}
	for key, r := range sorted(d["COMMUNITY_SET"]) {
		fmt.Fprintf(out, "bgp community-list standard %s %s %s\n", key, r["action"], r["community_member"].([]any)[0])
	}
	for key, r := range sorted(d["ROUTE_MAP"]) {
		name, number, _ := strings.Cut(key, "|")
		fmt.Fprintf(out, "route-map %s %s %s\n", name, r["route_operation"], number)
		if d["ROUTE_MAP_SET"][name] == nil {
			t.Errorf("missing ROUTE_MAP_SET %s", name)
		}
		for column, format := range map[string]string{
			"match_prefix_set": " match ip address prefix-list %s\n", "match_ipv6_prefix_set": " match ipv6 address prefix-list %s\n",
			"match_community": " match community %s\n", "set_local_pref": " set local-preference %s\n",
		} {
			if r[column] != nil {
				fmt.Fprintf(out, format, r[column])
			}
		}
	}
	fmt.Fprintf(out, "router bgp %d\n no bgp default ipv4-unicast\n", asn)
	for key, r := range sorted(d["BGP_PEER_GROUP"]) {
		name := strings.TrimPrefix(key, "default|")
		fmt.Fprintf(out, " neighbor %s peer-group\n%s", name, sonicSettings(t, name, r))
	}
	for key, r := range sorted(d["BGP_NEIGHBOR"]) {
		out.WriteString(sonicSettings(t, strings.TrimPrefix(key, "default|"), r))
	}
	for key, r := range sorted(d["BGP_GLOBALS_LISTEN_PREFIX"]) {
		fmt.Fprintf(out, " bgp listen range %s peer-group %s\n", strings.TrimPrefix(key, "default|"), r["peer_group"])
	}
	for _, table := range []string{"BGP_PEER_GROUP_AF", "BGP_NEIGHBOR_AF"} {
		for key, r := range sorted(d[table]) {
			out.WriteString(sonicFamily(key, r))
		}
	}
	known := []string{"PREFIX", "PREFIX_SET", "COMMUNITY_SET", "ROUTE_MAP", "ROUTE_MAP_SET", "BGP_PEER_GROUP", "BGP_PEER_GROUP_AF", "BGP_NEIGHBOR", "BGP_NEIGHBOR_AF", "BGP_GLOBALS_LISTEN_PREFIX"}
	for table := range d {
		if !slices.Contains(known, table) {
			t.Errorf("unknown table %s", table)
		}
	}
	return out.String()
}

// sonicSettings returns the lines of a neighbour or a group, its number first.
func sonicSettings(t *testing.T, name string, r map[string]any) string {
	out := &strings.Builder{}
	link := ""
	if !strings.ContainsAny(name, ".:") && !strings.HasPrefix(name, "NEARCAST") {
		link = "interface "
	}
	for column, value := range r {
		format, ok := sonicOfBGP[column]
		switch {
		case !ok:
			t.Errorf("unknown column %s", column)
		case column == "asn":
		case format != "":
			fmt.Fprintf(out, " neighbor %s %s\n", name, strings.Replace(format, "%s", fmt.Sprint(value), 1))
		}
	}
	if r["holdtime"] != nil {
		fmt.Fprintf(out, " neighbor %s timers %s %s\n", name, r["keepalive"], r["holdtime"])
	}
	if r["auth_password"] != nil {
		fmt.Fprintf(out, " neighbor %s password %s\n", name, r["auth_password"])
	}
	if r["peer_group_name"] != nil {
		return fmt.Sprintf(" neighbor %s peer-group %s\n", name, r["peer_group_name"])
	}
	return fmt.Sprintf(" neighbor %s %sremote-as %s\n", name, link, r["asn"]) + out.String()
}

// sonicFamily returns the lines of a family of a neighbour or a group.
func sonicFamily(key string, r map[string]any) string {
	part := strings.Split(key, "|")
	family, name := strings.TrimSuffix(part[2], "_unicast"), part[1]
	if r["admin_status"] != "up" {
		return fmt.Sprintf(" address-family %s unicast\n  no neighbor %s activate\n exit-address-family\n", family, name)
	}
	return fmt.Sprintf(" address-family %s unicast\n  neighbor %[2]s activate\n  neighbor %[2]s route-map %[3]s in\n  neighbor %[2]s route-map %[4]s out\n  neighbor %[2]s maximum-prefix %[5]s restart %[6]s\n exit-address-family\n",
		family, name, r["route_map_in"].([]any)[0], r["route_map_out"].([]any)[0], r["max_prefix_limit"], r["max_prefix_restart_interval"])
}

// sorted ranges over the rows by their keys.
func sorted(table map[string]map[string]any) func(func(string, map[string]any) bool) {
	return func(yield func(string, map[string]any) bool) {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			if !yield(key, table[key]) {
				return
			}
		}
	}
}
