package nearcast

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
)

// parseFeed takes a region and what follows the words tenant, to, notify and key.
func (s *stanza) parseFeed(args []string) error {
	if len(args) == 0 {
		return errors.New("takes REGION[/ZONE]|all [tenant NAMESPACE] [to CIDR…] [notify ADDR[:PORT]…] [key NAME [ALGORITHM]]")
	}
	l := feed.Line{At: s.here.String()}
	region, zone, zoned := strings.Cut(args[0], "/")
	if region == "" || zoned && (zone == "" || region == feed.All) {
		return fmt.Errorf("%q is not REGION[/ZONE] or all", args[0])
	}
	l.Region, l.Zone = region, zone
	options := map[string]func(*feed.Line, []string) error{"tenant": feedTenant, "to": feedTo, "notify": feedNotify, "key": feedKey}
	seen := map[string]bool{}
	for rest := args[1:]; len(rest) > 0; {
		word := rest[0]
		parse, known := options[word]
		if !known || seen[word] {
			return fmt.Errorf("%q is not an option, or is given twice; known options: tenant, to, notify, key", word)
		}
		seen[word] = true
		end := 1
		for end < len(rest) && options[rest[end]] == nil {
			end++
		}
		if err := parse(&l, rest[1:end]); err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
		rest = rest[end:]
	}
	if !seen["to"] && !seen["key"] {
		return errors.New("to or key is required: open transfers are not allowed")
	}
	for _, p := range l.To {
		if p.IsSingleIP() && !seen["notify"] {
			l.Notify = append(l.Notify, netip.AddrPortFrom(p.Addr(), 53))
		}
	}
	s.feeds = append(s.feeds, l)
	return nil
}

func feedTenant(l *feed.Line, args []string) (err error) {
	l.Tenant, err = arguments.One(args, "a namespace")
	return err
}

func feedTo(l *feed.Line, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("takes CIDR…")
	}
	l.To, err = arguments.Prefixes(args)
	return err
}

func feedNotify(l *feed.Line, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("takes ADDR[:PORT]…")
	}
	l.Notify, err = arguments.Servers(args)
	return err
}

func feedKey(l *feed.Line, args []string) (err error) {
	l.Key, l.Algorithm, err = arguments.Key(args)
	return err
}
