// Package dnr encodes the options with which networks announce encrypted resolvers to
// their clients (DNR, RFC 9463), on the wire and as configuration for the servers that
// send them. All functions are pure.
package dnr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// The codes of the options.
const (
	CodeDHCPv4        = 162 // RFC 9463, section 5.1
	CodeDHCPv6        = 144 // section 4.1
	CodeAdvertisement = 144 // section 6.1
)

// Resolver is an encrypted resolver.
type Resolver struct {
	// Priority is 1 to 65535; clients try the lowest first.
	Priority uint16
	// Name is the authentication domain name, fully qualified. The certificate must
	// contain it.
	Name string
	// Addrs are the resolver's addresses, of both families.
	Addrs []netip.Addr
	// Params are service parameters without addresses (section 3.1.5).
	Params []dns.SVCBKeyValue
}

// DHCPv4 returns the data of the DHCPv4 option, which holds all resolvers one after
// another. The sender splits data of more than 255 octets (RFC 3396).
func DHCPv4(all []Resolver) (data []byte, err error) {
	for _, r := range inFamily(all, netip.Addr.Is4) {
		name, err := wireName(r.Name)
		if err != nil {
			return nil, err
		}
		one := binary.BigEndian.AppendUint16(nil, r.Priority)
		one = append(one, byte(len(name))) // a name has at most 255 octets
		one = append(one, name...)
		if len(r.Addrs) > 0 {
			addrs := wireAddrs(r.Addrs)
			if len(addrs) > math.MaxUint8 {
				return nil, fmt.Errorf("%s: %d IPv4 addresses; the option has room for 63", r.Name, len(r.Addrs))
			}
			one = append(one, byte(len(addrs)))
			one = append(one, addrs...)
			params, err := wireParams(r.Params)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			}
			one = append(one, params...)
		}
		if data, err = appendSized(data, one); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return data, nil
}

// DHCPv6 returns the data of the DHCPv6 options, one option for each resolver.
func DHCPv6(all []Resolver) (options [][]byte, err error) {
	for _, r := range inFamily(all, netip.Addr.Is6) {
		data := binary.BigEndian.AppendUint16(nil, r.Priority)
		if data, err = r.appendBody(data, false); err != nil {
			return nil, err
		}
		options = append(options, data)
	}
	return options, nil
}

// Advertisements returns complete router advertisement options, with type and length, one
// for each resolver. Clients may use them for the lifetime, which is in seconds on the
// wire.
func Advertisements(all []Resolver, lifetime time.Duration) (options [][]byte, err error) {
	for _, r := range inFamily(all, netip.Addr.Is6) {
		data := binary.BigEndian.AppendUint16([]byte{CodeAdvertisement, 0}, r.Priority)
		data = binary.BigEndian.AppendUint32(data, uint32(lifetime/time.Second))
		if data, err = r.appendBody(data, true); err != nil {
			return nil, err
		}
		for len(data)%8 != 0 {
			data = append(data, 0)
		}
		if len(data)/8 > math.MaxUint8 {
			return nil, fmt.Errorf("%s: %d octets; an option of router advertisements has room for %d", r.Name, len(data), math.MaxUint8*8)
		}
		data[1] = byte(len(data) / 8)
		options = append(options, data)
	}
	return options, nil
}

// appendBody appends name, addresses and parameters in the format that both IPv6 options
// share. A resolver without addresses has only the name. In advertisements the parameters
// carry a length, because padding follows.
func (r Resolver) appendBody(data []byte, sized bool) ([]byte, error) {
	name, err := wireName(r.Name)
	if err != nil {
		return nil, err
	}
	if data, err = appendSized(data, name); err != nil || len(r.Addrs) == 0 {
		return data, err
	}
	params, err := wireParams(r.Params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	if data, err = appendSized(data, wireAddrs(r.Addrs)); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	if sized {
		return appendSized(data, params)
	}
	return append(data, params...), nil
}

// inFamily returns the resolvers with their addresses of one family. A resolver without
// an address of that family is sent once, with only its name: the client queries
// _dns.NAME.
func inFamily(all []Resolver, is func(netip.Addr) bool) (some []Resolver) {
	named := map[string]bool{}
	for _, r := range all {
		own := Resolver{Priority: r.Priority, Name: r.Name, Params: r.Params}
		for _, a := range r.Addrs {
			if is(a) {
				own.Addrs = append(own.Addrs, a)
			}
		}
		if len(own.Addrs) == 0 && named[r.Name] {
			continue
		}
		named[r.Name] = named[r.Name] || len(own.Addrs) == 0
		some = append(some, own)
	}
	return some
}

// appendSized appends text with its length in front, in two octets.
func appendSized(data, text []byte) ([]byte, error) {
	if len(text) > math.MaxUint16 {
		return nil, errors.New("more than 65535 octets")
	}
	return append(binary.BigEndian.AppendUint16(data, uint16(len(text))), text...), nil
}

// wireName encodes a name as in RFC 1035, without compression.
func wireName(name string) ([]byte, error) {
	buffer := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), buffer, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return buffer[:n], nil
}

func wireAddrs(addrs []netip.Addr) (data []byte) {
	for _, a := range addrs {
		data = append(data, a.AsSlice()...)
	}
	return data
}

// wireParams encodes parameters as in an SVCB record (RFC 9460, section 2.2), sorted by
// key.
func wireParams(params []dns.SVCBKeyValue) ([]byte, error) {
	rr := &dns.SVCB{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSVCB, Class: dns.ClassINET}, Priority: 1, Target: ".", Value: params}
	buffer := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(rr, buffer, 0, nil, false)
	if err != nil {
		return nil, err
	}
	const before = 1 + 10 + 2 + 1 // the owner, the header, the priority and the target
	return buffer[before:n], nil
}
