package policyzone

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// encodePrefix spells a prefix as in owner names: its length, and the reversed address as four decimal numbers or
// up to eight hexadecimal ones. The longest run of zeros, or the last of equally long ones, becomes zz.
func encodePrefix(p netip.Prefix) string {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		return fmt.Sprintf("%d.%d.%d.%d.%d", p.Bits(), b[3], b[2], b[1], b[0])
	}
	words := reversedWords(p.Addr())
	first, length := longestZeros(words)
	labels := []string{strconv.Itoa(p.Bits())}
	for i := 0; i < len(words); i++ {
		if i == first {
			labels = append(labels, "zz")
			i += length - 1
			continue
		}
		labels = append(labels, strconv.FormatUint(uint64(words[i]), 16))
	}
	return strings.Join(labels, ".")
}

func reversedWords(a netip.Addr) (words [8]uint16) {
	b := a.As16()
	for i := range words {
		words[7-i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return words
}

// longestZeros returns the run that zz stands for: two words or more, as in BIND; -1 if there is none.
func longestZeros(words [8]uint16) (first, length int) {
	first, length = -1, 1
	for i := 0; i < len(words); i++ {
		end := i
		for end < len(words) && words[end] == 0 {
			end++
		}
		if end-i > 1 && end-i >= length {
			first, length = i, end-i
		}
		i = max(i, end)
	}
	return first, length
}

// decodePrefix reads what encodePrefix writes, and refuses any other spelling: a prefix with two spellings could
// have two rules.
func decodePrefix(text string) (netip.Prefix, error) {
	labels := strings.Split(text, ".")
	bits, err := strconv.Atoi(labels[0])
	if err != nil || bits < 1 || bits > 128 {
		return netip.Prefix{}, fmt.Errorf("%q is not a prefix length", labels[0])
	}
	address := labels[1:]
	slices.Reverse(address)
	var a netip.Addr
	if len(address) == 4 && !slices.Contains(address, "zz") {
		a, err = netip.ParseAddr(strings.Join(address, "."))
	} else {
		a, err = parseWords(address)
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a reversed address: %w", strings.Join(labels[1:], "."), err)
	}
	p := netip.PrefixFrom(a, bits)
	switch {
	case !p.IsValid():
		return p, fmt.Errorf("the prefix length %d is too long for IPv4", bits)
	case a.Is4In6() && bits >= 96:
		return p, errors.New("an IPv4 address is written as an IPv6 address")
	case p != p.Masked():
		return p, fmt.Errorf("bits are set beyond the prefix length; did you mean %s?", encodePrefix(p.Masked()))
	case encodePrefix(p) != text:
		return p, fmt.Errorf("it must be written %s", encodePrefix(p))
	}
	return p, nil
}

func parseWords(words []string) (netip.Addr, error) {
	var b [16]byte
	zeros := 8 - len(words) + 1 // that zz stands for
	at := 0
	for _, word := range words {
		if word == "zz" {
			at += 2 * max(zeros, 0)
			continue
		}
		n, err := strconv.ParseUint(word, 16, 16)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%q is not a 16-bit word", word)
		}
		if at+2 > len(b) {
			return netip.Addr{}, errors.New("too many words")
		}
		b[at], b[at+1] = byte(n>>8), byte(n)
		at += 2
	}
	if at != len(b) {
		return netip.Addr{}, errors.New("too few words for an IPv6 address")
	}
	return netip.AddrFrom16(b), nil
}
