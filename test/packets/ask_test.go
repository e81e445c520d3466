package packets_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	udp = "UDP"
	tcp = "TCP"
)

var transports = []string{udp, tcp}

// silence is the time after which a server is considered to give no answer. If the answer
// may have been late, the query is repeated with a longer wait.
const silence = time.Second

// class classifies the reaction of a server to a packet.
func class(t *testing.T, transport, server string, data []byte) string {
	t.Helper()
	for _, timeout := range []time.Duration{silence, 4 * silence} {
		exchange := overUDP
		if transport == tcp {
			exchange = overTCP
		}
		reply, err := exchange(server, data, timeout)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return "none" // and the connection is closed, which some servers do later
		default:
			return describe(reply)
		}
	}
	return "none"
}

func overUDP(server string, data []byte, timeout time.Duration) ([]byte, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	buf := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buf)
	return buf[:n], err
}

func overTCP(server string, data []byte, timeout time.Duration) ([]byte, error) {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)); err != nil {
		return nil, err
	}
	var length uint16
	if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	reply := make([]byte, length)
	_, err = io.ReadFull(conn, reply)
	return reply, err
}

// describe returns the part of a reply that is compared: the RCODE, the flags, whether
// there is an answer, and the OPT with the codes of its options. Answers are compared
// elsewhere.
func describe(reply []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		return "malformed"
	}
	rcode := dns.RcodeToString[m.Rcode]
	if rcode == "" {
		rcode = fmt.Sprint(m.Rcode)
	}
	parts := []string{rcode}
	for name, set := range map[string]bool{"not-qr": !m.Response, "aa": m.Authoritative, "tc": m.Truncated, "rd": m.RecursionDesired, "ra": m.RecursionAvailable, "z": m.Zero, "ad": m.AuthenticatedData, "cd": m.CheckingDisabled, "other-id": m.Id != id, "answer": len(m.Answer) > 0} {
		if set {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts[1:])
	if o := m.IsEdns0(); o != nil {
		parts = append(parts, describeOPT(o))
	}
	return strings.Join(parts, " ")
}

func describeOPT(o *dns.OPT) string {
	var what strings.Builder
	fmt.Fprintf(&what, "OPT%d", o.Version())
	if o.Do() {
		what.WriteString(",do")
	}
	if o.Hdr.Ttl&0x7FFF != 0 {
		what.WriteString(",z")
	}
	codes := make([]int, 0, len(o.Option))
	for _, option := range o.Option {
		codes = append(codes, int(option.Option()))
	}
	slices.Sort(codes)
	for _, code := range codes {
		fmt.Fprintf(&what, ",%d", code)
	}
	return what.String()
}
