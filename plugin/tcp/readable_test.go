package tcp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coredns/coredns/pb"
	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// transports query over each protocol, and return the reply, or nil if there is none.
var transports = map[string]struct {
	scheme string
	ask    func(t *testing.T, addr string, query []byte) []byte
}{
	"UDP": {"dns", func(t *testing.T, addr string, query []byte) []byte {
		conn, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		reply := make([]byte, dns.MaxMsgSize)
		for range 5 { // datagrams may be lost while the server starts
			_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = conn.Write(query)
			if n, err := conn.Read(reply); err == nil {
				return reply[:n]
			}
		}
		return nil
	}},
	"TCP": {"dns", func(t *testing.T, addr string, query []byte) []byte {
		conn, err := net.Dial("tcp", addr)
		return streamed(t, conn, err, query)
	}},
	"TLS": {"tls", func(t *testing.T, addr string, query []byte) []byte {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the test's own
		return streamed(t, conn, err, query)
	}},
	"HTTPS, GET": {"https", func(t *testing.T, addr string, query []byte) []byte {
		return fetched(t, http.MethodGet, "https://"+addr+"/dns-query?dns="+base64.RawURLEncoding.EncodeToString(query), nil)
	}},
	"HTTPS, POST": {"https", func(t *testing.T, addr string, query []byte) []byte {
		return fetched(t, http.MethodPost, "https://"+addr+"/dns-query", query)
	}},
	"gRPC": {"grpc", func(t *testing.T, addr string, query []byte) []byte {
		return called(t, addr, query, insecure.NewCredentials())
	}},
	"gRPC over TLS": {"grpc", func(t *testing.T, addr string, query []byte) []byte {
		return called(t, addr, query, credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec // it is the test's own
	}},
}

func streamed(t *testing.T, conn net.Conn, err error, query []byte) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		t.Fatal(err)
	}
	var length uint16
	if binary.Read(conn, binary.BigEndian, &length) != nil {
		return nil
	}
	reply := make([]byte, length)
	_, _ = io.ReadFull(conn, reply)
	return reply
}

func fetched(t *testing.T, method, url string, body []byte) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/dns-message")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is the test's own
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reply, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return nil
	}
	return reply
}

func called(t *testing.T, addr string, query []byte, secured credentials.TransportCredentials) []byte {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(secured))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := pb.NewDnsServiceClient(conn).Query(ctx, &pb.DnsPacket{Msg: query})
	if err != nil {
		return nil
	}
	return reply.GetMsg()
}

// TestAnIgnoredOptionFailsNoQueryOverAnyTransport has options that miekg/dns cannot
// unpack, a query longer than it reads over UDP, and a malformed query.
func TestAnIgnoredOptionFailsNoQueryOverAnyTransport(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			lines := []string{}
			if name == "TLS" || name == "gRPC over TLS" || transport.scheme == "https" {
				lines = append(lines, secured(t))
			}
			r := serve(t, transport.scheme, lines...)
			for what, options := range map[string][]dns.EDNS0{
				"ZONEVERSION": {empty(dns.EDNS0ZONEVERSION)}, "EDE": {empty(dns.EDNS0EDE)}, "LLQ": {empty(dns.EDNS0LLQ)}, "UL and NSID": {empty(dns.EDNS0UL), empty(dns.EDNS0NSID)},
				"REPORTING": {empty(dns.EDNS0REPORTING)}, "a malformed subnet": {empty(dns.EDNS0SUBNET)}, "600 octets": {&dns.EDNS0_PADDING{Padding: make([]byte, 600)}},
			} {
				reply := new(dns.Msg)
				if err := reply.Unpack(transport.ask(t, r.addr, asking(t, options...))); err != nil || reply.Rcode != dns.RcodeSuccess {
					t.Errorf("%s: %v\n%s", what, err, reply)
				}
			}
			malformed := asking(t)
			malformed = append(malformed, malformed[len(malformed)-11:]...) // its OPT again
			malformed[11] = 2
			reply := new(dns.Msg)
			if data := transport.ask(t, r.addr, malformed); data != nil && (reply.Unpack(data) != nil || reply.Rcode != dns.RcodeFormatError) {
				t.Errorf("two OPTs:\n%s", reply)
			}
		})
	}
}

func empty(code uint16) dns.EDNS0 { return &dns.EDNS0_LOCAL{Code: code} }

func asking(t *testing.T, options ...dns.EDNS0) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = options
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAUDPServerStopsAndContinuesAfterReloads checks that the server that reads is the
// one that CoreDNS stops.
func TestAUDPServerStopsAndContinuesAfterReloads(t *testing.T) {
	r := serve(t, "dns")
	for range 3 {
		if transports["UDP"].ask(t, r.addr, asking(t, empty(dns.EDNS0ZONEVERSION))) == nil {
			t.Fatal("no answer")
		}
		r.reload()
	}
	if transports["UDP"].ask(t, r.addr, asking(t)) == nil {
		t.Fatal("no answer after the last reload")
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", r.addr)
	if err != nil {
		t.Fatalf("the socket is still open: %v", err)
	}
	_ = conn.Close()
}
