package main

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	metricsAddress = "127.0.0.1:9154"
	decided        = `nearcast_bgp_withdraw_duration_seconds_%s{stage="deleted"} `
)

// withdrawals are the speaker's own word: how many routes were withdrawn for failed checks, and how
// long that took in sum, in seconds, from the result until the path was deleted.
type withdrawals struct{ count, sum float64 }

func (s *scene) withdrawals() (w withdrawals, err error) {
	var conn net.Conn
	if err := s.here.Do(func() (err error) {
		conn, err = net.Dial("tcp4", metricsAddress)
		return err
	}); err != nil {
		return w, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(askWait)); err != nil {
		return w, err
	}
	if _, err := fmt.Fprint(conn, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		return w, err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		for name, into := range map[string]*float64{"count": &w.count, "sum": &w.sum} {
			if value, found := strings.CutPrefix(lines.Text(), fmt.Sprintf(decided, name)); found {
				if *into, err = strconv.ParseFloat(value, 64); err != nil {
					return w, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
				}
			}
		}
	}
	return w, lines.Err()
}
