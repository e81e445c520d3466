package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// world is what the servers of a run share: files that are written when the first
// of them needs them, and an upstream.
type world struct {
	dir      string
	upstream *upstream
	alive    *alive
	apis     map[size]*api
	port     int // the last one that was given away
}

const (
	// address is what servers listen at; BIND takes only one that an interface has.
	address = "127.0.0.1"
	// belowPorts are the servers' ports; the kernel gives these to nobody by itself.
	belowPorts = 25_300
)

func newWorld() (*world, error) {
	dir, err := os.MkdirTemp("", "nearcast-bench")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, port: belowPorts, apis: map[size]*api{}}
	if w.upstream, err = startUpstream(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if w.alive, err = startAlive(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) close() error {
	w.upstream.stop()
	if w.alive != nil {
		w.alive.stop()
	}
	for _, a := range w.apis {
		a.CloseClientConnections()
		a.Close()
	}
	return os.RemoveAll(w.dir)
}

// freePort returns a port that nobody listens at. Servers share theirs
// (SO_REUSEPORT), so that two at one port would each get half of the queries.
func (w *world) freePort() (int, error) {
	for w.port++; w.port < belowPorts+1000; w.port++ {
		conn, err := net.ListenPacket("udp", net.JoinHostPort(address, strconv.Itoa(w.port)))
		if err == nil {
			return w.port, conn.Close()
		}
	}
	return 0, fmt.Errorf("%s has no free port from %d on", address, belowPorts)
}

// made returns the path of what is in the world under a name, and makes it first
// where it is not there.
func (w *world) made(name string, write func(path string) error) (string, error) {
	path := filepath.Join(w.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, write(path)
}

func (w *world) zone(s size, cluster int) (string, error) {
	return w.made(fmt.Sprintf("zone-%d-%d", s.functions, cluster), func(path string) error {
		return write(path, func(to io.Writer) { s.writeZone(to, cluster) })
	})
}

func (w *world) feed(s size) (string, error) {
	return w.made(fmt.Sprint("feed-", s.functions), func(path string) error { return write(path, s.writeFeed) })
}

// key returns the base name of the files of the zone's key.
func (w *world) key() (string, error) {
	base := filepath.Join(w.dir, "key")
	_, err := w.made("key.private", func(string) error { return writeKey(base) })
	return base, err
}

func (w *world) federation(s size) (string, error) {
	name := fmt.Sprintf("federation-%d-%d-%d-%d%s", s.clusters, s.functions, s.placements, s.locations, s.probed)
	return w.made(name, func(dir string) error { return s.writeFederation(dir, w.alive.port) })
}

// api returns the API that has the federation.
func (w *world) api(s size) (*api, error) {
	if started := w.apis[s]; started != nil {
		return started, nil
	}
	dir, err := w.federation(s)
	if err != nil {
		return nil, err
	}
	a, err := startAPI(filepath.Join(dir, "manifests"))
	if err == nil {
		w.apis[s] = a
	}
	return a, err
}

func (w *world) database(s size) (string, error) {
	return w.made(fmt.Sprintf("locations-%d-%d.mmdb", s.clusters, s.locations), s.writeDatabase)
}

func (w *world) rules(rules int) (string, error) {
	return w.made(fmt.Sprintf("rules-%d", rules), func(path string) error {
		return write(path, func(to io.Writer) { writeRules(to, rules) })
	})
}

func (w *world) queries(t target) (string, error) {
	s := t.size
	return w.made(fmt.Sprintf("queries-%d-%d-%d-%d", t.asks, s.clusters, s.functions, s.locations), func(path string) error {
		packed, err := stream(t.queries())
		if err != nil {
			return err
		}
		return os.WriteFile(path, packed, 0o644)
	})
}
