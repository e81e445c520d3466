package dnr

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Settings are what servers need in addition to the resolvers.
type Settings struct {
	// Lifetime is how long clients may use an advertisement, in whole seconds.
	Lifetime time.Duration
	// Interface is the interface on which routers advertise.
	Interface string
}

// servers maps each known program to the function that writes the options for it.
var servers = map[string]func([]Resolver, Settings) (string, error){
	"dnsmasq": dnsmasq, "kea-dhcp4": keaDHCPv4, "kea-dhcp6": keaDHCPv6, "radvd": radvd, "hex": inHex,
}

// Servers returns the names that Configure accepts, sorted.
func Servers() []string { return slices.Sorted(maps.Keys(servers)) }

// Configure returns the part of a server's configuration that announces the resolvers, of
// which there must be at least one.
func Configure(server string, all []Resolver, s Settings) (string, error) {
	write, ok := servers[server]
	if !ok {
		return "", fmt.Errorf("%q is not one of %s", server, strings.Join(Servers(), ", "))
	}
	return write(all, s)
}

// maxDnsmasq is the most that dnsmasq sends of one DHCPv4 option, in octets: it does not
// split options.
const maxDnsmasq = 255

func dnsmasq(all []Resolver, _ Settings) (string, error) {
	v4, err := DHCPv4(all)
	if err != nil {
		return "", err
	}
	if len(v4) > maxDnsmasq {
		return "", fmt.Errorf("DHCPv4's option has %d octets, and dnsmasq sends %d: designate fewer, or with fewer hints", len(v4), maxDnsmasq)
	}
	v6, err := firstDHCPv6(all)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("# Encrypted DNS (RFC 9463), for dnsmasq.conf. dnsmasq cannot add it to router advertisements.\n"+
		"dhcp-option=%d,%s\ndhcp-option=option6:%d,%s\n", CodeDHCPv4, octets(v4), CodeDHCPv6, octets(v6)), nil
}

// firstDHCPv6 returns the option of the resolver that clients should try first: dnsmasq
// 2.90 and Kea 2.2 send only the last of several options with one code.
func firstDHCPv6(all []Resolver) ([]byte, error) {
	first := slices.MinFunc(all, func(a, b Resolver) int { return cmp.Compare(a.Priority, b.Priority) })
	options, err := DHCPv6([]Resolver{first})
	if err != nil {
		return nil, err
	}
	return options[0], nil
}

// octets writes data in hexadecimal with colons.
func octets(data []byte) string {
	parts := make([]string, len(data))
	for i, b := range data {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}

// keaOption is a Kea option in the form that all versions accept.
type keaOption struct {
	Space     string `json:"space"`
	Code      int    `json:"code"`
	CSVFormat bool   `json:"csv-format"`
	Data      string `json:"data"`
}

func keaDHCPv4(all []Resolver, _ Settings) (string, error) {
	data, err := DHCPv4(all)
	if err != nil {
		return "", err
	}
	return kea("Dhcp4", keaOption{"dhcp4", CodeDHCPv4, false, hex.EncodeToString(data)})
}

func keaDHCPv6(all []Resolver, _ Settings) (string, error) {
	data, err := firstDHCPv6(all)
	if err != nil {
		return "", err
	}
	return kea("Dhcp6", keaOption{"dhcp6", CodeDHCPv6, false, hex.EncodeToString(data)})
}

func kea(daemon string, option keaOption) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(map[string]any{daemon: map[string]any{"option-data": []keaOption{option}}})
	return text.String(), err
}

// radvd makes radvd direct clients to DHCPv6 for the option: no release of radvd can
// advertise an option of RFC 9463 itself.
func radvd(all []Resolver, s Settings) (string, error) {
	options, err := Advertisements(all, s.Lifetime)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString("# Encrypted DNS (RFC 9463), for radvd.conf. radvd cannot advertise it: AdvOtherConfigFlag makes clients\n" +
		"# ask DHCPv6 for it, and RDNSS makes them ask the resolver (RFC 9462). A router that supports it must send:\n")
	for _, data := range options {
		fmt.Fprintf(&text, "#   %x\n", data)
	}
	fmt.Fprintf(&text, "interface %s {\n\tAdvSendAdvert on;\n\tAdvOtherConfigFlag on;\n", s.Interface)
	if addrs := addressesOf(all); len(addrs) > 0 {
		fmt.Fprintf(&text, "\tRDNSS %s {\n\t\tAdvRDNSSLifetime %d;\n\t};\n", strings.Join(addrs, " "), int(s.Lifetime/time.Second))
	}
	text.WriteString("};\n")
	return text.String(), nil
}

// addressesOf returns the resolvers' IPv6 addresses without duplicates.
func addressesOf(all []Resolver) (addrs []string) {
	for _, r := range inFamily(all, netip.Addr.Is6) {
		for _, a := range r.Addrs {
			if text := a.String(); !slices.Contains(addrs, text) {
				addrs = append(addrs, text)
			}
		}
	}
	return addrs
}

// inHex writes the options' data and complete advertisement options in hexadecimal, for
// every other server.
func inHex(all []Resolver, s Settings) (string, error) {
	v4, err := DHCPv4(all)
	if err != nil {
		return "", err
	}
	v6, err := DHCPv6(all)
	if err != nil {
		return "", err
	}
	advertised, err := Advertisements(all, s.Lifetime)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "DHCPv4 option %d, data: %x\n", CodeDHCPv4, v4)
	for _, data := range v6 {
		fmt.Fprintf(&text, "DHCPv6 option %d, data: %x\n", CodeDHCPv6, data)
	}
	for _, data := range advertised {
		fmt.Fprintf(&text, "router advertisement option %d, with type and length: %x\n", CodeAdvertisement, data)
	}
	return text.String(), nil
}
