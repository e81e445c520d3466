// Package check runs the checks of VIPs: one query, request or connection at a time.
package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Run checks once, and returns why the answer is wrong. ask sends all probes except DNS queries.
func Run(ctx context.Context, c *config.Check, ask health.Probe) error {
	if c.TCP != nil {
		_, err := ask(bounded{ctx, time.Now().Add(c.Timeout)}, federation.Target{Kind: federation.ProbeTCP, Addr: c.TCP.Address})
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	switch {
	case c.DNS != nil:
		return queryBoth(ctx, c.DNS)
	case c.HTTP != nil:
		target, err := c.HTTP.Target()
		if err == nil {
			_, err = ask(ctx, target)
		}
		return err
	}
	return probeEndpoints(ctx, c.Endpoints, ask)
}

// bounded is a context with a deadline but no timer: a TCP probe enforces its own deadline, and
// thousands per second would each start and stop a timer.
type bounded struct {
	context.Context
	deadline time.Time
}

// Deadline implements context.Context.
func (b bounded) Deadline() (time.Time, bool) { return b.deadline, true }

// errTruncated means that the answer was truncated. A live server truncates over UDP if the answer
// is long or rate-limited.
var errTruncated = errors.New("the answer is truncated")

// queryBoth queries over UDP and over TCP. A truncated UDP answer makes a resolver retry over TCP
// (RFC 7766, section 5); TCP is queried anyway, and that answer decides.
func queryBoth(ctx context.Context, d *config.DNSCheck) error {
	for _, network := range [...]string{"udp", "tcp"} {
		err := query(ctx, d, network)
		if network == "udp" && errors.Is(err, errTruncated) {
			continue
		}
		if err != nil {
			return fmt.Errorf("over %s: %w", network, err)
		}
	}
	return nil
}

func query(ctx context.Context, d *config.DNSCheck, network string) error {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(d.Name), dns.StringToType[d.Type])
	q.RecursionDesired = d.Recursive
	client := dns.Client{Net: network}
	if deadline, ok := ctx.Deadline(); ok {
		client.Timeout = time.Until(deadline)
	}
	reply, _, err := client.ExchangeContext(ctx, q, d.Server.String())
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
	return compare(reply.Answer, d)
}

// compare checks that the answer has the expected records of the type.
func compare(answer []dns.RR, d *config.DNSCheck) error {
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
		rr, err := d.Record(text)
		if err != nil {
			return err
		}
		want = append(want, dataOf(rr))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("got answer %s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}

// dataOf returns the record's data in zone-file format.
func dataOf(rr dns.RR) string {
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// endpointsAtOnce limits the concurrent probes of a Service.
const endpointsAtOnce = 16

// probeEndpoints probes endpoints until one passes.
func probeEndpoints(ctx context.Context, e *config.EndpointsCheck, ask health.Probe) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(endpointsAtOnce)
	var passed atomic.Bool
	for _, addr := range e.Addrs {
		group.Go(func() error {
			target := e.Probe
			target.Addr = addr
			_, err := ask(ctx, target)
			if err != nil {
				err = fmt.Errorf("%s: %w", addr, err)
			} else {
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
		return err // the first error
	}
}
