// Package loopback gives VIPs to this machine on lo, so that it takes packets to them and programs
// can listen on them, and reports which addresses the machine takes.
//
// Addresses are marked with a protocol number of their own (IFA_PROTO, Linux 5.18 and later;
// `ip addr` shows "proto 0x4e") and with their owner in the metric of their route. Thus a speaker
// finds those that an earlier run left, and does not touch those of another speaker. Older kernels keep
// no protocol number: there, addresses left by other speakers look like addresses that others gave,
// and stay.
//
// All results come from the kernel at that moment: nothing is cached.
package loopback

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp"
)

const device = "lo"

// ErrNoFamily means that an address cannot be given because its family is not available, such as
// IPv6 disabled by a sysctl.
var ErrNoFamily = errors.New("IPv6 is disabled on lo (sysctl net.ipv6.conf.lo.disable_ipv6)")

var (
	errNoRoute   = errors.New("the address is on lo, but has no local route")
	errElsewhere = errors.New("not an address of this machine, and no local route has it")
)

// Binder is a bgp.Binder for one speaker, its owner. Only one goroutine uses it, except for Watch.
type Binder struct {
	owner   Owner
	files   Files
	cleaned bool // addresses that are in nobody's file were removed
	// repaired is when addresses were last given again because of missing routes.
	repaired time.Time
}

// New returns the Binder of the owner. files tells whether other speakers that left addresses still
// need them; addresses of speakers that are not in files stay.
func New(owner Owner, files Files) *Binder { return &Binder{owner: owner, files: files} }

// Give gives this machine the addresses, removes none, and returns which ones failed. It needs
// CAP_NET_ADMIN to change anything.
func (b *Binder) Give(addrs []netip.Addr) (failed map[netip.Addr]error, err error) {
	held, err := addresses()
	if err != nil {
		return nil, err
	}
	failed, _ = b.give(addrs, held)
	return failed, nil
}

// Bind implements bgp.Binder. It needs CAP_NET_ADMIN to change anything.
func (b *Binder) Bind(give, look []netip.Addr) (bgp.Bound, error) {
	held, err := addresses()
	if err != nil {
		return bgp.Bound{}, err
	}
	failed, given := b.give(give, held)
	unbound := b.takeAway(give, held)
	local, err := routesOf(given)
	if err == nil {
		if again := b.repair(give, held, local); len(again) > 0 {
			given = append(given, again...)
			local, err = routesOf(given)
		}
	}
	if err != nil {
		return bgp.Bound{}, err
	}
	missing := map[netip.Addr]error{}
	for _, a := range give {
		switch {
		case failed[a] != nil:
			missing[a] = failed[a]
		case local.has(a):
		default:
			missing[a] = errNoRoute
		}
	}
	for _, a := range look {
		if !local.has(a) {
			missing[a] = errElsewhere
		}
	}
	return bgp.Bound{Missing: missing, Given: given}, unbound
}

// give adds the addresses that lo lacks, and takes over those left by a speaker that has ended.
func (b *Binder) give(addrs []netip.Addr, held map[netip.Addr]mark) (failed map[netip.Addr]error, given []netip.Addr) {
	failed = map[netip.Addr]error{}
	for _, a := range addrs {
		m, there := held[a]
		flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
		if there {
			if !m.ours() || m.owner == b.owner || m.owner.Runs() {
				continue
			}
			flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
		}
		switch err := change(unix.RTM_NEWADDR, flags, a, b.owner); {
		case errors.Is(err, syscall.EEXIST): // somebody else was quicker
		case err != nil:
			failed[a] = fmt.Errorf("cannot add the address to %s: %w", device, why(a, err))
		default:
			given = append(given, a)
		}
	}
	return failed, given
}

// why explains what a kernel error means for the address.
func why(a netip.Addr, err error) error {
	switch {
	case a.Is6() && (errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EOPNOTSUPP)):
		return ErrNoFamily
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w; grant the speaker CAP_NET_ADMIN", err)
	}
	return err
}

// takeAway removes the owner's addresses that are no longer wanted and, the first time, those that
// are in no speaker's file.
func (b *Binder) takeAway(wanted []netip.Addr, held map[netip.Addr]mark) error {
	keep := make(map[netip.Addr]bool, len(wanted))
	for _, a := range wanted {
		keep[a] = true
	}
	var errs []error
	for a, m := range held {
		if keep[a] || !b.owns(m) && (b.cleaned || !b.files.nobodys(a, m)) {
			continue
		}
		if err := change(unix.RTM_DELADDR, 0, a, 0); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			errs = append(errs, fmt.Errorf("cannot remove %s from %s: %w", a, device, why(a, err)))
		}
	}
	b.cleaned = true
	return errors.Join(errs...)
}

// owns reports whether this owner may remove the address. Speaker versions that named no owner were
// alone on a machine.
func (b *Binder) owns(m mark) bool { return m.owner == b.owner || m.ours() && m.owner == 0 }

const (
	// routeTime limits the wait for the route of a new address: the kernel adds that of an IPv6
	// address a moment later. The watch reports a route that takes longer.
	routeTime = 200 * time.Millisecond
	routePoll = time.Millisecond
	// repairEvery keeps an address from being given again and again while its route does not
	// appear: the kernel may be late.
	repairEvery = time.Second
)

// routesOf returns the local routes once they include those of the new addresses, or when these do
// not appear in time.
func routesOf(given []netip.Addr) (local *prefixes, err error) {
	for end := time.Now().Add(routeTime); ; time.Sleep(routePoll) {
		local, err = localRoutes()
		lacking := func(a netip.Addr) bool { return !local.has(a) }
		if err != nil || !slices.ContainsFunc(given, lacking) || time.Now().After(end) {
			return local, err
		}
	}
}

// repair gives addresses again that lo has without a local route, because somebody removed only the
// route, and returns them.
func (b *Binder) repair(give []netip.Addr, held map[netip.Addr]mark, local *prefixes) (given []netip.Addr) {
	if time.Since(b.repaired) < repairEvery {
		return nil
	}
	for _, a := range give {
		if m, there := held[a]; local.has(a) || !there || !b.owns(m) {
			continue
		}
		// An address that fails is reported as missing later.
		_ = change(unix.RTM_DELADDR, 0, a, 0)
		_ = change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, a, b.owner)
		b.repaired = time.Now()
		given = append(given, a)
	}
	return given
}
