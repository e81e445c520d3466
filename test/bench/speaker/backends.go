package main

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// victims is how many backends end, one after the other; the figures are of these.
const victims = 5

// backends are the servers behind the VIPs. One listener takes the connections to all addresses of
// 127.0.0.0/8, and each victim has one of its own.
type backends struct {
	all     net.Listener
	victims []net.Listener
}

// backendOf is what the check of a VIP asks: no two ask the same.
func backendOf(vip int) string {
	if vip < victims {
		return fmt.Sprintf("127.255.0.%d:8081", vip+1)
	}
	return fmt.Sprintf("127.1.%d.%d:8080", vip/250, vip%250+1)
}

func (w *world) startBackends() (*backends, error) {
	b := &backends{}
	err := w.here.Do(func() (err error) {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // as of most servers; it costs whoever connects as well
		if b.all, err = config.Listen(context.Background(), "tcp4", ":8080"); err != nil {
			return err
		}
		for i := range victims {
			l, err := config.Listen(context.Background(), "tcp4", backendOf(i))
			if err != nil {
				return err
			}
			b.victims = append(b.victims, l)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	for _, l := range append([]net.Listener{b.all}, b.victims...) {
		go accept(l) // ends with the listener
	}
	return b, nil
}

func accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

func (b *backends) close() error {
	var errs []error
	for _, l := range append(b.victims, b.all) {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // a victim has ended before
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
