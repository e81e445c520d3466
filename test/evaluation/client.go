package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/lab"
)

// timeout bounds an answer of a resolver or a function.
const timeout = 10 * time.Second

// resolve asks a site's resolver by UDP, from an address of the country, and returns
// the clusters in the answer's order, and its TTL.
func (w *World) resolve(ctx context.Context, c Country, resolver, name string) ([]lab.Site, time.Duration, error) {
	conn, err := w.path(c.Code, countryOf(resolver)).Dial(ctx, "udp", c.Client, fmt.Sprintf("127.0.0.1:%d", siteNamed(resolver).DNSPort))
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	reply, err := exchange(conn, new(dns.Msg).SetQuestion(name, dns.TypeA))
	if err != nil {
		return nil, 0, fmt.Errorf("%s at %s: %w", name, resolver, err)
	}
	var sites []lab.Site
	var ttl time.Duration
	for _, rr := range reply.Answer {
		a, ok := rr.(*dns.A)
		if !ok {
			continue
		}
		addr, _ := netip.AddrFromSlice(a.A.To4())
		site, err := siteAt(addr)
		if err != nil && addr != lab.FunctionVIP {
			return nil, 0, err
		}
		sites, ttl = append(sites, site), time.Duration(a.Hdr.Ttl)*time.Second
	}
	if len(sites) == 0 {
		return nil, 0, fmt.Errorf("%s at %s: got %s without an address", name, resolver, dns.RcodeToString[reply.Rcode])
	}
	return sites, ttl, nil
}

// exchange sends a query in one datagram and waits for its answer.
func exchange(conn net.Conn, query *dns.Msg) (*dns.Msg, error) {
	packed, err := query.Pack()
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	buffer := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buffer)
	if err != nil {
		return nil, err
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(buffer[:n]); err != nil {
		return nil, err
	}
	if reply.Id != query.Id {
		return nil, errors.New("the answer does not match the query")
	}
	return reply, nil
}

// Phases are how long the parts of a call took.
type Phases struct {
	// Lookup is the resolver's answer, Connect the TCP handshake, Exchange from the
	// request to the end of the reply.
	Lookup, Connect, Exchange time.Duration
	// Cold and Processing are what the cluster says of Exchange.
	Cold, Processing time.Duration
}

// Network is the part of Exchange that the cluster had nothing to do with.
func (p Phases) Network() time.Duration { return p.Exchange - p.Cold - p.Processing }

// First is the whole call of a client that has neither the address nor a connection.
func (p Phases) First() time.Duration { return p.Lookup + p.Connect + p.Exchange }

// call sends a request from a country to a cluster, and returns its phases without
// Lookup.
func (w *World) call(ctx context.Context, from Country, to lab.Site, host string, f Function) (p Phases, err error) {
	begin := time.Now()
	conn, err := w.path(from.Code, countryOf(to.Name)).Dial(ctx, "tcp", from.Client, to.Gateway.String())
	if err != nil {
		return p, err
	}
	defer conn.Close()
	p.Connect = time.Since(begin)
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return p, err
	}
	host = strings.TrimSuffix(host, ".")
	request, err := http.NewRequestWithContext(ctx, f.Method, "http://"+host+f.URI, strings.NewReader(f.Body))
	if err != nil {
		return p, err
	}
	begin = time.Now()
	if err := request.Write(conn); err != nil {
		return p, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return p, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return p, err
	}
	p.Exchange = time.Since(begin)
	if response.StatusCode != f.Status || response.Header.Get("Nearcast-Cluster") != to.Name {
		return p, fmt.Errorf("%s at %s: status %d from %q: %s", host, to.Name, response.StatusCode, response.Header.Get("Nearcast-Cluster"), body)
	}
	p.Cold, p.Processing, err = serverTiming(response.Header.Get("Server-Timing"))
	return p, err
}

var timing = regexp.MustCompile(`^cold;dur=([0-9.]+), processing;dur=([0-9.]+)$`)

// serverTiming reads what the lab's gateway says of a call.
func serverTiming(header string) (cold, processing time.Duration, err error) {
	found := timing.FindStringSubmatch(header)
	if found == nil {
		return 0, 0, fmt.Errorf("no cold start and processing in Server-Timing: %q", header)
	}
	var parts [2]time.Duration
	for i, text := range found[1:] {
		milliseconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, 0, err
		}
		parts[i] = time.Duration(milliseconds * float64(time.Millisecond))
	}
	return parts[0], parts[1], nil
}
