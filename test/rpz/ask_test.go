package rpz_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// question is a query from a client.
type question struct {
	name           string
	qtype          uint16
	rd, do, cd, ad bool
	edns, tcp      bool
	client         netip.Addr
}

func (q question) String() string {
	flags := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{q.rd, "rd"}, {q.edns, "edns"}, {q.do, "do"}, {q.cd, "cd"}, {q.ad, "ad"}, {q.tcp, "tcp"}} {
		if f.set {
			flags += " " + f.name
		}
	}
	return fmt.Sprintf("%s %s%s from %s", q.name, dns.TypeToString[q.qtype], flags, q.client)
}

func (q question) message() *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = q.rd, q.cd, q.ad
	if q.edns || q.do {
		m.SetEdns0(1232, q.do)
	}
	return m
}

// reply is the reply that a client got.
type reply struct {
	dropped bool
	err     error
	msg     *dns.Msg
}

// ask sends a question from the client's address. If no reply arrives within the timeout,
// the query was dropped.
func ask(q question, server string, timeout time.Duration) reply {
	network := "udp"
	var local net.Addr = &net.UDPAddr{IP: q.client.AsSlice()}
	if q.tcp {
		network, local = "tcp", &net.TCPAddr{IP: q.client.AsSlice()}
	}
	client := dns.Client{Net: network, Timeout: timeout, UDPSize: 4096, Dialer: &net.Dialer{LocalAddr: local, Timeout: 10 * time.Second}}
	m, _, err := client.Exchange(q.message(), server)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		return reply{dropped: true}
	}
	return reply{err: err, msg: m}
}

// atOnce is the number of questions that wait for an answer at a time. Those that are
// dropped wait long, without work.
const atOnce = 200

// askAll sends all questions, each to its own server, and returns the replies in order.
func askAll(questions []question, server func(question) string, timeout time.Duration) []reply {
	replies := make([]reply, len(questions))
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				replies[i] = ask(questions[i], server(questions[i]), timeout)
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	wg.Wait()
	return replies
}

// String returns a reply such that only relevant differences show: the records of an
// RRset, and the RRsets of an answer to ANY, have no order.
func (r reply) String() string {
	switch {
	case r.dropped:
		return "dropped"
	case r.err != nil:
		return r.err.Error()
	}
	m := r.msg
	flags := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"}, {m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"}} {
		if f.set {
			flags += " " + f.name
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s", dns.RcodeToString[m.Rcode], flags)
	section(&b, "answer", sorted(m.Answer, m.Question[0].Qtype == dns.TypeANY))
	section(&b, "authority", sorted(m.Ns, true))
	section(&b, "additional", sorted(m.Extra, true))
	return b.String()
}

func section(b *strings.Builder, name string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(b, "\n    %s: %s", name, line)
	}
}

// sorted returns the records as text. Owners keep their order unless all is set.
func sorted(rrs []dns.RR, all bool) []string {
	var owners, lines []string
	key := func(rr dns.RR) string {
		owner := strings.ToLower(rr.Header().Name)
		i := slices.Index(owners, owner)
		if i < 0 {
			i = len(owners)
			owners = append(owners, owner)
		}
		if all {
			i = 0
		}
		return fmt.Sprintf("%03d", i)
	}
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			lines = append(lines, key(rr)+strings.ToLower(strings.ReplaceAll(rr.String(), "\t", " ")))
		}
	}
	slices.Sort(lines)
	for i := range lines {
		lines[i] = lines[i][3:]
	}
	return lines
}
