package routerconfig

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestFRRLoadsWhatVyOSMakes has FRR read the text for VyOS, as the statements into which
// VyOS's own template translates it.
func TestFRRLoadsWhatVyOSMakes(t *testing.T) {
	each(t, func(t *testing.T, router string, _ *config.Config, p *config.Peer, text string) {
		if router == "vyos" {
			wantLoaded(t, frrOfVyOS(t, text, p.ASN))
		}
	})
}

// vyosOfBGP maps the statements below a neighbor or a peer group to FRR's,
// and any other statement fails the test.
var vyosOfBGP = []struct{ vyos, frr string }{
	{`remote-as (\d+)`, "remote-as $1"},
	{`interface remote-as (\d+)`, "interface remote-as $1"},
	{`interface source-interface (\S+)`, "interface $1"},
	{`description '(.+)'`, "description $1"},
	{`update-source (\S+)`, "update-source $1"},
	{`ebgp-multihop (\d+)`, "ebgp-multihop $1"},
	{`ttl-security hops (\d+)`, "ttl-security hops $1"},
	{`password '(\S+)'`, "password $1"},
	{`timers connect (\d+)`, "timers connect $1"},
	{`passive`, "passive"},
	{`port (\d+)`, "port $1"},
	{`bfd profile (\S+)`, "bfd profile $1"},
	{`capability extended-nexthop`, "capability extended-nexthop"},
	{`peer-group (\S+)`, "peer-group $1"},
	{`address-family (ipv[46])-unicast route-map import (\S+)`, "route-map $2 in"},
	{`address-family (ipv[46])-unicast route-map export (\S+)`, "route-map $2 out"},
	{`address-family (ipv[46])-unicast maximum-prefix (\d+)`, "maximum-prefix $2"},
}

var (
	vyosPeer   = regexp.MustCompile(`^protocols bgp (neighbor|peer-group) (\S+) (.+)$`)
	vyosTimer  = regexp.MustCompile(`^timers (keepalive|holdtime) (\d+)$`)
	vyosListen = regexp.MustCompile(`^protocols bgp listen range (\S+) peer-group (\S+)$`)
	vyosBFD    = regexp.MustCompile(`^protocols bfd profile (\S+) interval (multiplier|receive|transmit) (\d+)$`)
	vyosList   = regexp.MustCompile(`^policy prefix-list(6?) (\S+) rule (\d+) (action|prefix|ge|le) (\S+)$`)
	vyosGSHUT  = regexp.MustCompile(`^policy community-list (\S+) rule (\d+) (?:action permit|regex (\S+))$`)
	vyosMap    = regexp.MustCompile(`^policy route-map (\S+) rule (\d+) (action|match|set) (.+)$`)
	vyosRA     = regexp.MustCompile(`^service router-advert interface (\S+) (default-lifetime|interval max) (\d+)$`)
)

// frrOfVyOS returns what VyOS gives its FRR for the text.
func frrOfVyOS(t *testing.T, text string, asn uint32) string {
	policy, router := &strings.Builder{}, &strings.Builder{}
	fmt.Fprintf(router, "router bgp %d\n no bgp default ipv4-unicast\n", asn)
	lists, timers, list := map[string]map[string]string{}, map[string]string{}, []string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, ok := strings.CutPrefix(line, "set ")
		if !ok {
			t.Fatalf("not a set command: %s", line)
		}
		if m := vyosList.FindStringSubmatch(line); m != nil {
			key := map[string]string{"": "ip", "6": "ipv6"}[m[1]] + " prefix-list " + m[2] + " seq " + m[3]
			if lists[key] == nil {
				lists[key], list = map[string]string{}, append(list, key)
			}
			lists[key][m[4]] = m[5]
		} else if m := vyosGSHUT.FindStringSubmatch(line); m != nil {
			if m[3] != "" {
				fmt.Fprintf(policy, "bgp community-list standard %s seq %s permit %s\n", m[1], m[2], m[3])
			}
		} else if m := vyosMap.FindStringSubmatch(line); m != nil {
			fmt.Fprintln(policy, vyosRule(m))
		} else if m := vyosBFD.FindStringSubmatch(line); m != nil {
			fmt.Fprintf(policy, "bfd\n profile %s\n  %s %s\n", m[1], map[string]string{"multiplier": "detect-multiplier", "receive": "receive-interval", "transmit": "transmit-interval"}[m[2]], m[3])
		} else if m := vyosListen.FindStringSubmatch(line); m != nil {
			fmt.Fprintf(router, " bgp listen range %s peer-group %s\n", m[1], m[2])
		} else if m := vyosPeer.FindStringSubmatch(line); m != nil {
			if m[1] == "peer-group" && !strings.Contains(router.String(), m[2]+" peer-group\n") {
				fmt.Fprintf(router, " neighbor %s peer-group\n", m[2])
			}
			if timer := vyosTimer.FindStringSubmatch(m[3]); timer != nil && m[1] == "neighbor" {
				if timers[timer[1]] = timer[2]; len(timers) == 2 {
					fmt.Fprintf(router, " neighbor %s timers %s %s\n", m[2], timers["keepalive"], timers["holdtime"])
				}
				continue
			}
			router.WriteString(vyosSetting(t, m[2], m[3]))
		} else if !vyosRA.MatchString(line) {
			t.Errorf("VyOS has no statement %q", line)
		}
	}
	entries := ""
	for _, key := range list {
		l := lists[key]
		entries += fmt.Sprintf("%s %s %s", key, l["action"], l["prefix"])
		for _, bound := range []string{"ge", "le"} {
			if l[bound] != "" {
				entries += " " + bound + " " + l[bound]
			}
		}
		entries += "\n"
	}
	return entries + policy.String() + router.String()
}

// vyosRule returns a line of a route map, with the line that begins its rule.
func vyosRule(m []string) string {
	if m[3] == "action" {
		return "route-map " + m[1] + " " + m[4] + " " + m[2]
	}
	return " " + m[3] + " " + strings.Replace(m[4], "community community-list", "community", 1)
}

// vyosSetting returns FRR's lines for what is below a neighbour or a group.
func vyosSetting(t *testing.T, target, statement string) string {
	i := slices.IndexFunc(vyosOfBGP, func(s struct{ vyos, frr string }) bool {
		return regexp.MustCompile("^" + s.vyos + "$").MatchString(statement)
	})
	if i < 0 {
		t.Errorf("VyOS has no statement %q below a neighbor", statement)
		return ""
	}
	re := regexp.MustCompile("^" + vyosOfBGP[i].vyos + "$")
	line := " neighbor " + target + " " + re.ReplaceAllString(statement, vyosOfBGP[i].frr) + "\n"
	if family, rest, ok := strings.Cut(strings.TrimPrefix(statement, "address-family "), "-unicast "); ok && rest != "" {
		return fmt.Sprintf(" address-family %s unicast\n %s  neighbor %s activate\n exit-address-family\n", family, line, target)
	}
	return line
}
