package routerconfig

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/bgp/route"
)

// row is a row of SONiC's configuration database: values are strings or lists of strings.
type row map[string]any

// database is SONiC's configuration database, by table and key.
type database map[string]map[string]row

func (d database) set(table, key string, r row) {
	if d[table] == nil {
		d[table] = map[string]row{}
	}
	d[table][key] = r
}

const (
	sonicShutdown = "NEARCAST-GSHUT"
	sonicNothing  = "NEARCAST-NOTHING"
	yes           = "true"
)

// configDB returns the rows of the session in the form that SONiC's "config load" reads.
func configDB(s *session) (string, error) {
	d := database{}
	d.set("COMMUNITY_SET", sonicShutdown, row{"set_type": "STANDARD", "match_action": "ANY", "action": "permit", "community_member": []string{"65535:0"}})
	d.set("ROUTE_MAP_SET", sonicNothing, row{})
	d.set("ROUTE_MAP", sonicNothing+"|10", row{"route_operation": "deny"})
	for _, f := range s.Families {
		s.addPolicy(d, f)
	}
	switch {
	case s.Many():
		d.set("BGP_PEER_GROUP", "default|"+s.Name, s.peerRow())
		s.addFamilies(d, "BGP_PEER_GROUP_AF", s.Name)
		for _, a := range s.Neighbours {
			d.set("BGP_NEIGHBOR", "default|"+a.String(), row{"peer_group_name": s.Name})
		}
		for _, r := range s.Ranges {
			d.set("BGP_GLOBALS_LISTEN_PREFIX", "default|"+r.String(), row{"peer_group": s.Name})
		}
	default:
		d.set("BGP_NEIGHBOR", "default|"+s.Target(), s.peerRow())
		s.addFamilies(d, "BGP_NEIGHBOR_AF", s.Target())
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // the placeholder of the key has angle brackets
	err := encoder.Encode(d)
	return strings.TrimSpace(text.String()), err
}

func (s *session) policyName(f family) string { return fmt.Sprintf("%s-IPV%d", s.Name, f.Version()) }

// addPolicy adds what the speaker may announce in the family.
func (s *session) addPolicy(d database, f family) {
	set, policy := s.policyName(f)+"-"+f.Sum, s.policyName(f)
	mode, match := "IPv4", "match_prefix_set"
	if f.Name == route.IPv6 {
		mode, match = "IPv6", "match_ipv6_prefix_set"
	}
	d.set("PREFIX_SET", set, row{"mode": mode})
	for _, p := range f.Prefixes {
		lengths := "exact"
		if p.Pool {
			lengths = fmt.Sprintf("%d..%[1]d", f.Bits())
		}
		d.set("PREFIX", fmt.Sprintf("%s|%s|%s", set, p.Prefix, lengths), row{"action": "permit"})
	}
	d.set("ROUTE_MAP_SET", policy, row{})
	d.set("ROUTE_MAP", policy+"|10", row{"route_operation": "permit", match: set, "match_community": sonicShutdown, "set_local_pref": "0"})
	d.set("ROUTE_MAP", policy+"|20", row{"route_operation": "permit", match: set})
}

// addFamilies adds the neighbour's or the group's settings per family.
func (s *session) addFamilies(d database, table, name string) {
	for _, f := range s.Families {
		d.set(table, fmt.Sprintf("default|%s|%s_unicast", name, f.Name), row{
			"admin_status": "up", "route_map_in": []string{s.policyName(f)}, "route_map_out": []string{sonicNothing},
			"max_prefix_limit": strconv.Itoa(f.Limit), "max_prefix_restart_interval": "1",
		})
	}
	for _, f := range s.Missing {
		d.set(table, fmt.Sprintf("default|%s|%s_unicast", name, f), row{"admin_status": "down"})
	}
}

// peerRow returns the row of the neighbour or the group.
func (s *session) peerRow() row {
	r := row{
		"asn": strconv.FormatUint(uint64(s.RemoteAS), 10), "name": s.Who(),
		"keepalive": strconv.Itoa(s.Keepalive), "holdtime": strconv.Itoa(s.Hold),
	}
	if s.Address.IsValid() && len(s.Ranges) == 0 {
		r["local_addr"] = s.Address.String()
	}
	if s.Multihop != 0 {
		r["ebgp_multihop"], r["ebgp_multihop_ttl"] = yes, strconv.Itoa(s.Multihop)
	}
	if s.GTSM {
		r["ttl_security_hops"] = "1"
	}
	if s.Password != "" {
		r["auth_password"] = s.Password
	}
	if s.BFD != nil {
		r["bfd"] = yes
	}
	if s.Extended() {
		r["capability_ext_nexthop"] = yes
	}
	switch {
	case s.Passive:
		r["passive_mode"] = yes
	default:
		r["conn_retry"] = "5" // FRR's default of two minutes would be an outage
	}
	if !s.Passive && s.SpeakerPort != 0 {
		r["peer_port"] = strconv.Itoa(int(s.SpeakerPort))
	}
	return r
}
