package direct

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket whose reader blocks in the kernel. A thread that sleeps there and reads all datagrams at
// once costs less than the runtime's poller, which wakes a goroutine for each datagram.
type socket struct {
	fd    int
	local *net.UDPAddr

	// mu keeps a late reply from going to a file that reuses the descriptor after close.
	mu     sync.RWMutex
	closed bool
}

// listen opens another socket on an address that others share. The kernel delivers to it what arrives on the
// processor (Linux 6.2; before that, a share of everything), so CoreDNS's own socket receives nothing.
func listen(addr netip.AddrPort, processor int) (*socket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd, local: net.UDPAddrFromAddrPort(addr)}
	if err := s.bind(addr, processor); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return s, nil
}

func (s *socket) bind(addr netip.AddrPort, processor int) error {
	type option struct {
		name                 string
		level, option, value int
	}
	options := []option{
		{"SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
		{"SO_INCOMING_CPU", unix.SOL_SOCKET, unix.SO_INCOMING_CPU, processor},
	}
	// An anycast address may come and go while the server runs.
	if addr.Addr().Is6() {
		options = append(options, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			option{"IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1})
	} else {
		options = append(options, option{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(s.fd, o.level, o.option, o.value); err != nil {
			return os.NewSyscallError("setsockopt "+o.name, err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(s.fd, sockaddr(addr)))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	zone, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32) // only numeric zones are given out
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: uint32(zone)}
}

// send sends one datagram. Any goroutine may call it, even after close.
func (s *socket) send(data []byte, to netip.AddrPort) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return net.ErrClosed
	}
	return os.NewSyscallError("sendto", unix.Sendto(s.fd, data, 0, sockaddr(to)))
}

// wake makes receive return 0 once all received datagrams have been read.
func (s *socket) wake() {
	// The call fails because the socket is not connected, but still wakes its readers.
	_ = unix.Shutdown(s.fd, unix.SHUT_RD)
}

// close may be called only when no goroutine receives or flushes any more.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	_ = unix.Close(s.fd)
}

// batch holds the datagrams that are read, and answered, together.
type batch struct {
	in, out [batchSize]message
	from    [batchSize]unix.RawSockaddrInet6 // of either family
	queries [batchSize][querySize]byte
	replies [batchSize][replySize]byte
	vectors [2 * batchSize]unix.Iovec
	// answered is how many of out are set.
	answered int
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

func newBatch() *batch {
	b := &batch{}
	for i := range batchSize {
		in, out := &b.vectors[2*i], &b.vectors[2*i+1]
		in.Base = &b.queries[i][0]
		in.SetLen(querySize)
		b.in[i].header.Iov = in
		b.in[i].header.SetIovlen(1)
		b.in[i].header.Name = (*byte)(unsafe.Pointer(&b.from[i]))
		b.out[i].header.Iov = out
		b.out[i].header.SetIovlen(1)
	}
	return b
}

// receive waits for a datagram and reads all that are there. It returns their number, or 0 once the socket was
// woken for good.
func (s *socket) receive(b *batch) (int, error) {
	for i := range b.in {
		b.in[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.in)), batchSize, unix.MSG_WAITFORONE, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, os.NewSyscallError("recvmmsg", errno)
		case n > 0 && b.in[0].header.Namelen == 0:
			return 0, nil // no sender: the socket was woken to end
		}
		return int(n), nil
	}
}

// query returns what was received.
func (b *batch) query(i int) []byte { return b.queries[i][:b.in[i].length] }

// sender returns the sender's address; the slice of its address is ip.
func (b *batch) sender(i int, ip *[16]byte) net.UDPAddr {
	from := &b.from[i]
	if from.Family == unix.AF_INET {
		from := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		copy(ip[:], from.Addr[:])
		return net.UDPAddr{IP: ip[:4:4], Port: port(from.Port)}
	}
	*ip = from.Addr
	addr := net.UDPAddr{IP: ip[:], Port: port(from.Port)}
	if from.Scope_id != 0 {
		addr.Zone = strconv.FormatUint(uint64(from.Scope_id), 10)
	}
	return addr
}

// port converts the kernel's network byte order.
func port(p uint16) int {
	raw := (*[2]byte)(unsafe.Pointer(&p))
	return int(raw[0])<<8 | int(raw[1])
}

// room is where the reply to a query may be written.
func (b *batch) room(i int) []byte { return b.replies[i][:] }

// answer queues the first n octets of the query's room as the reply to its sender.
func (b *batch) answer(i, n int) {
	out := &b.out[b.answered].header
	b.answered++
	out.Iov.Base = &b.replies[i][0]
	out.Iov.SetLen(n)
	out.Name, out.Namelen = b.in[i].header.Name, b.in[i].header.Namelen
}

// flush sends the answers. One that cannot be sent is lost, as any datagram may be.
func (s *socket) flush(b *batch) {
	for at := 0; at < b.answered; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.out[at])), uintptr(b.answered-at), 0, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			at++ // the error is about the first of them
		default:
			at += int(n)
		}
	}
	b.answered = 0
}
