package bgp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/miekg/dns"

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
	}
	return "tcp " + c.TCP.Address.String()
}

// ask probes as health does, with no certificates of its own.
var ask = health.Ask(health.TLS{})

// Run asks once, and returns why the answer is not right.
func (c *Check) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	switch {
	case c.DNS != nil:
		return c.DNS.run(ctx)
	case c.HTTP != nil:
		u, err := url.Parse(c.HTTP.URL)
		if err != nil {
			return err
		}
		addr, err := addrPortOf(u)
		if err != nil {
			return err
		}
		_, err = ask(ctx, federation.Target{
			Kind: federation.ProbeKind(u.Scheme), Addr: addr, Host: c.HTTP.Host, Path: u.RequestURI(),
		})
		return err
	}
	_, err := ask(ctx, federation.Target{Kind: federation.ProbeTCP, Addr: c.TCP.Address})
	return err
}

func (d *DNSCheck) run(ctx context.Context) error {
	for _, network := range [...]string{"udp", "tcp"} {
		if err := d.ask(ctx, network); err != nil {
			return fmt.Errorf("over %s: %w", network, err)
		}
	}
	return nil
}

func (d *DNSCheck) ask(ctx context.Context, network string) error {
	qtype := dns.StringToType[d.Type]
	query := new(dns.Msg).SetQuestion(dns.Fqdn(d.Name), qtype)
	query.RecursionDesired = false
	client := dns.Client{Net: network}
	if deadline, ok := ctx.Deadline(); ok {
		client.Timeout = time.Until(deadline)
	}
	reply, _, err := client.ExchangeContext(ctx, query, d.Server.String())
	switch {
	case err != nil:
		return err
	case reply.Rcode != dns.RcodeSuccess:
		return errors.New(dns.RcodeToString[reply.Rcode])
	case !reply.Authoritative:
		return errors.New("the answer is not authoritative")
	}
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype == qtype {
			return nil
		}
	}
	return fmt.Errorf("the answer has no %s", d.Type)
}
