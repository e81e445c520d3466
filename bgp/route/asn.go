package route

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Reserved AS numbers.
const (
	asTrans  = 23456 // RFC 6793: placeholder for a 32-bit number in a 16-bit field
	last16   = 65535 // RFC 7300, as is the last 32-bit number
	reserved = 65552 // to lastReserved: reserved by IANA
	// lastReserved precedes the first 32-bit number that IANA assigns.
	lastReserved = 131071
)

// ParseASN reads an AS number as asplain or as asdot (RFC 5396): 4259840001 is 65000.1.
func ParseASN(text string) (uint32, error) {
	high, low, dotted := strings.Cut(text, ".")
	if !dotted {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || !IsDecimal(text) {
			return 0, fmt.Errorf("%q is not an AS number: write 64512, or 65000.1 in asdot notation", text)
		}
		return uint32(n), nil
	}
	h, err := strconv.ParseUint(high, 10, 16)
	l, err2 := strconv.ParseUint(low, 10, 16)
	if err != nil || err2 != nil || !IsDecimal(high) || !IsDecimal(low) {
		return 0, fmt.Errorf("%q is not an AS number in asdot notation, two numbers from 0 to 65535 (RFC 5396)", text)
	}
	return uint32(h)<<16 | uint32(l), nil
}

// ParsePeerASN reads an AS number that can be used for a session, as asplain or asdot (RFC 5396).
func ParsePeerASN(text string) (uint32, error) {
	n, err := ParseASN(text)
	if err != nil {
		return 0, err
	}
	if text := FaultOfASN(n); text != "" {
		return 0, errors.New(text)
	}
	return n, nil
}

// FaultOfASN returns why neither end of a session can have the number; "" if it can be used.
func FaultOfASN(n uint32) string {
	switch {
	case n == 0:
		return "is required; 0 is reserved (RFC 7607)"
	case n == asTrans:
		return fmt.Sprintf("%d is AS_TRANS, a placeholder for 32-bit AS numbers (RFC 6793); write the actual AS number", n)
	case n == last16, n == ReservedASN:
		return fmt.Sprintf("%d is reserved (RFC 7300)", n)
	case n >= reserved && n <= lastReserved:
		return fmt.Sprintf("%d is not an assignable AS number: IANA reserves %d to %d", n, reserved, lastReserved)
	}
	return ""
}

// IsDecimal reports whether the text is a decimal number without a leading zero: YAML reads 010 as
// 8.
func IsDecimal(text string) bool {
	text = strings.TrimPrefix(text, "-")
	if text == "" || len(text) > 1 && text[0] == '0' {
		return false
	}
	return strings.Trim(text, "0123456789") == ""
}
