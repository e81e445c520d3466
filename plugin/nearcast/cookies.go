package nearcast

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/cookie"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/internal/udp"
)

// cookies is how the COOKIE option (RFC 7873) is answered.
type cookies struct {
	jar *cookie.Jar // nil if it is not answered
	// require sends BADCOOKIE to clients that support cookies and do not have ours yet.
	require bool
}

// parseCookies takes off, or [require] [secret FILE].
func (s *stanza) parseCookies(args []string) (err error) {
	if len(args) == 1 && args[0] == "off" {
		s.cookies.jar = nil
		return nil
	}
	if len(args) > 0 && args[0] == "require" {
		s.cookies.require, args = true, args[1:]
	}
	switch {
	case len(args) == 0 && s.cookies.require:
		return nil
	case len(args) != 2 || args[0] != "secret":
		return errors.New("takes off, or [require] [secret FILE]")
	}
	path, err := arguments.Existing(args[1])
	if err == nil {
		s.cookies.jar, err = cookie.Open(path)
	}
	return err
}

// Cookies implements cookie.Keeper.
func (n *Nearcast) Cookies() *cookie.Jar { return n.settings.cookies.jar }

// watchFiles follows the blocks' files of secrets and of records until the instance ends.
func (i *instance) watchFiles() {
	ctx, cancel := context.WithCancel(context.Background())
	i.endWatches = cancel
	for _, o := range i.sources {
		for _, n := range o.blocks {
			if jar := n.settings.cookies.jar; jar != nil {
				i.watches.Go(func() {
					jar.Watch(ctx, func(err error) { log.Warningf("cookies: %v", err) })
				})
			}
			if n.settings.records.path != "" {
				i.watches.Go(func() { n.watchRecords(ctx) })
				i.watches.Go(func() { n.followConflicts(ctx) })
			}
		}
	}
}

// bite reads the query's COOKIE option. If it returns an outcome, the query is answered with that and the rcode.
func (a *answer) bite(w dns.ResponseWriter) (refusal outcome, rcode int) {
	jar, option := a.n.settings.cookies.jar, cookie.Of(a.query)
	if jar == nil || option == nil {
		return outcomes, 0
	}
	secrets, from, now := jar.Secrets(), client.Source(w.RemoteAddr()), uint32(time.Now().Unix()) //nolint:gosec // serial arithmetic
	q := secrets.Judge(option, from, now)
	if q.Standing == cookie.Malformed {
		return outcomeMalformed, dns.RcodeFormatError
	}
	octets := secrets.Reply(&q, from, now)
	a.opt.Option = append(a.option[:0], &dns.EDNS0_LOCAL{Code: dns.EDNS0COOKIE, Data: octets[:]})
	if q.Standing != cookie.Valid && a.n.settings.cookies.require && udp.Plain(a.ctx, w) && !imputed.IsOwn(a.ctx) {
		return outcomeBadCookie, dns.RcodeBadCookie
	}
	return outcomes, 0
}
