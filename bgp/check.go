package bgp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// Name says in a word or two what is checked.
func (c *Check) Name() string {
	switch {
	case c.DNS != nil:
		return fmt.Sprintf("dns %s %s at %s", c.DNS.Name, c.DNS.Type, c.DNS.Server)
	case c.HTTP != nil:
		return c.HTTP.URL
	case c.TCP != nil:
		return "tcp " + c.TCP.Address.String()
	}
	return fmt.Sprintf("%s at the endpoints of Service %s", c.Endpoints.Probe.Kind, c.Endpoints.Service)
}

// addr is what is asked; invalid where that is endpoints.
func (c *Check) addr() netip.Addr {
	switch {
	case c.DNS != nil:
		return c.DNS.Server.Addr()
	case c.HTTP != nil:
		target, _ := c.HTTP.target() // the zero one where it is faulty
		return target.Addr.Addr()
	case c.TCP != nil:
		return c.TCP.Address.Addr()
	}
	return netip.Addr{}
}

// ask probes as health does, with no certificates of its own.
var ask = health.Ask(health.TLS{})

// Run asks once, and returns why the answer is not right.
func (c *Check) Run(ctx context.Context) error {
	if c.TCP != nil {
		_, err := ask(bounded{ctx, time.Now().Add(c.Timeout)}, federation.Target{Kind: federation.ProbeTCP, Addr: c.TCP.Address})
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	switch {
	case c.DNS != nil:
		return c.DNS.run(ctx)
	case c.HTTP != nil:
		target, err := c.HTTP.target()
		if err == nil {
			_, err = ask(ctx, target)
		}
		return err
	}
	return c.Endpoints.run(ctx)
}

// bounded is a context with a deadline that no timer waits for: a TCP probe bounds itself, and of
// thousands in a second each would set a timer up and take it back.
type bounded struct {
	context.Context
	deadline time.Time
}

// Deadline implements context.Context.
func (b bounded) Deadline() (time.Time, bool) { return b.deadline, true }

// errTruncated is of an answer that does not say what it would be: a live server gives it
// over UDP where it is long, or where answers are limited.
var errTruncated = errors.New("the answer is truncated")

// run asks over UDP and over TCP. A truncated answer over UDP has a resolver ask over TCP
// (RFC 7766, section 5), which is asked anyway and decides.
func (d *DNSCheck) run(ctx context.Context) error {
	for _, network := range [...]string{"udp", "tcp"} {
		err := d.ask(ctx, network)
		if network == "udp" && errors.Is(err, errTruncated) {
			continue
		}
		if err != nil {
			return fmt.Errorf("over %s: %w", network, err)
		}
	}
	return nil
}

func (d *DNSCheck) ask(ctx context.Context, network string) error {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(d.Name), dns.StringToType[d.Type])
	query.RecursionDesired = d.Recursive
	client := dns.Client{Net: network}
	if deadline, ok := ctx.Deadline(); ok {
		client.Timeout = time.Until(deadline)
	}
	reply, _, err := client.ExchangeContext(ctx, query, d.Server.String())
	switch {
	case err != nil:
		return err
	case reply.Truncated:
		return errTruncated
	case reply.Rcode != dns.RcodeSuccess:
		return errors.New(dns.RcodeToString[reply.Rcode])
	case !reply.Authoritative && !d.Recursive:
		return errors.New("the answer is not authoritative")
	}
	return d.compare(reply.Answer)
}

// compare wants the records of the type to be those that are expected.
func (d *DNSCheck) compare(answer []dns.RR) error {
	var got []string
	for _, rr := range answer {
		if rr.Header().Rrtype == dns.StringToType[d.Type] {
			got = append(got, dataOf(rr))
		}
	}
	if len(got) == 0 {
		return fmt.Errorf("the answer has no %s", d.Type)
	}
	if len(d.Answer) == 0 {
		return nil
	}
	var want []string
	for _, text := range d.Answer {
		rr, err := d.record(text)
		if err != nil {
			return err
		}
		want = append(want, dataOf(rr))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the answer is %s, not %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}

// dataOf returns the record's data in zone-file form.
func dataOf(rr dns.RR) string {
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// endpointsAtOnce bounds the probes of a Service that are under way.
const endpointsAtOnce = 16

// run probes endpoints until one passes.
func (e *EndpointsCheck) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(endpointsAtOnce)
	var passed atomic.Bool
	for _, addr := range e.Addrs {
		group.Go(func() error {
			err := e.probe(ctx, addr)
			if err == nil {
				passed.Store(true)
				cancel()
			}
			return err
		})
	}
	switch err := group.Wait(); {
	case passed.Load():
		return nil
	case len(e.Addrs) == 0:
		return errors.New("no endpoint is ready")
	default:
		return err // the first
	}
}

func (e *EndpointsCheck) probe(ctx context.Context, addr netip.AddrPort) error {
	target := e.Probe
	target.Addr = addr
	if _, err := ask(ctx, target); err != nil {
		return fmt.Errorf("%s: %w", addr, err)
	}
	return nil
}
