package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// An open loop sends each query when it is due, whether the ones before it were answered
// or not, and counts its latency from then on. dnsperf -Q stops sending while too many
// queries wait, and counts from when it did send: the worst moments of a server then
// have the fewest queries, and their wait counts for one of them only.

const (
	// identities is how many queries of one socket can wait at a time.
	identities = 1 << 16
	// longest is what the latency of a query counts as that was not answered by then. It
	// is also how long answers are waited for at the end.
	longest = 500 * time.Millisecond
	// figures is how many digits of a latency are kept.
	figures = 3
	// receiveBuffer keeps answers while the receiver has no processor.
	receiveBuffer = 4 << 20
)

// openSocket is one client's, with when each of its queries was due: ns since the begin,
// plus one, by identity; 0 for one that is answered.
type openSocket struct {
	fd      int
	waiting [identities]atomic.Int64
}

// openLoop sends queries to one server, at a rate per second.
type openLoop struct {
	queries [][]byte
	rate    int
	lasting time.Duration
	begin   time.Time
	sockets []*openSocket

	found *hdrhistogram.Histogram // of the receiver alone
}

// latencies are those of the queries of an open loop, in ns.
type latencies struct {
	*hdrhistogram.Histogram
	sent, lost int
}

func (l latencies) at(percent float64) time.Duration {
	return time.Duration(l.ValueAtPercentile(percent))
}

// openly sends the queries of a stream, again and again. It keeps a thread for sending and
// one for receiving.
func openly(to netip.AddrPort, stream []byte, rate int, lasting time.Duration) (latencies, error) {
	l := &openLoop{queries: split(stream), rate: rate, lasting: lasting, found: hdrhistogram.New(int64(time.Microsecond), int64(longest), figures)}
	defer l.close()
	for range clients {
		fd, err := connected(to)
		if err != nil {
			return latencies{}, fmt.Errorf("open loop to %s: %w", to, err)
		}
		l.sockets = append(l.sockets, &openSocket{fd: fd})
	}
	runtime.GC() // now, and not in the run, which allocates nothing
	var done atomic.Bool
	received := make(chan error, 1)
	var receiving sync.WaitGroup
	l.begin = time.Now()
	receiving.Go(func() { received <- l.receive(&done) })
	sent, err := l.send()
	time.Sleep(longest)
	done.Store(true)
	receiving.Wait()
	if err := errors.Join(err, <-received); err != nil {
		return latencies{}, fmt.Errorf("open loop to %s: %w", to, err)
	}
	lost := sent - int(l.found.TotalCount())
	return latencies{l.found, sent, lost}, l.found.RecordValues(int64(longest), int64(lost))
}

// split returns the messages of a stream.
func split(stream []byte) (all [][]byte) {
	for len(stream) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(stream))
		all, stream = append(all, stream[2:n]), stream[n:]
	}
	return all
}

func connected(to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // the kernel gives what it may
	return fd, os.NewSyscallError("connect", unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
}

func (l *openLoop) close() {
	for _, s := range l.sockets {
		_ = unix.Close(s.fd)
	}
}

// due is when a query is, since the begin.
func (l *openLoop) due(query int) time.Duration {
	return time.Duration(float64(query) * float64(time.Second) / float64(l.rate))
}

// send sends every query that is due, and sleeps until the next is. It returns how many
// it sent.
func (l *openLoop) send() (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Linux may otherwise end a sleep 50 µs late. The thread ends with this setting or keeps it: it is the sender's.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return 0, os.NewSyscallError("prctl", err)
	}
	var room [dns.MinMsgSize]byte
	for n := 0; ; n++ {
		due := l.due(n)
		if due >= l.lasting {
			return n, nil
		}
		for early := due - time.Since(l.begin); early > 0; early = due - time.Since(l.begin) {
			ts := unix.NsecToTimespec(int64(early))
			_ = unix.Nanosleep(&ts, nil) // a signal ends it early
		}
		s, identity := l.sockets[n%len(l.sockets)], uint16(n/len(l.sockets))
		query := room[:copy(room[:], l.queries[n%len(l.queries)])]
		binary.BigEndian.PutUint16(query, identity)
		s.waiting[identity].Store(int64(due) + 1)
		switch _, err := unix.Write(s.fd, query); err {
		case nil, unix.EAGAIN, unix.ENOBUFS: // the query is lost
		default:
			return n, os.NewSyscallError("send", err)
		}
	}
}

// receiveAtLeast is how often the receiver sees whether it is to end, in ms.
const receiveAtLeast = 50

// receive takes answers until it is done.
func (l *openLoop) receive(done *atomic.Bool) error {
	polled := make([]unix.PollFd, len(l.sockets))
	for i, s := range l.sockets {
		polled[i] = unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN}
	}
	var room [dns.MaxMsgSize]byte
	for !done.Load() {
		if _, err := unix.Poll(polled, receiveAtLeast); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		for i, s := range l.sockets {
			if polled[i].Revents == 0 {
				continue
			}
			if err := l.take(s, room[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// take reads all answers that a socket has.
func (l *openLoop) take(s *openSocket, room []byte) error {
	for {
		n, err := unix.Read(s.fd, room)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err != nil:
			return os.NewSyscallError("receive", err)
		}
		now := time.Since(l.begin)
		if n < 12 {
			return fmt.Errorf("an answer has %d octets", n)
		}
		if rcode := int(room[3] & 0xF); rcode != dns.RcodeSuccess {
			return fmt.Errorf("answered %s", dns.RcodeToString[rcode])
		}
		due := s.waiting[binary.BigEndian.Uint16(room)].Swap(0) - 1
		if due < 0 {
			continue // sent twice
		}
		if err := l.found.RecordValue(min(int64(now)-due, int64(longest))); err != nil {
			return err
		}
	}
}
