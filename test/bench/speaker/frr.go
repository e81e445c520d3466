package main

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// frr is FRR's bgpd without zebra, so that no kernel holds it up.
type frr struct {
	socket string
	conn   net.Conn
}

func (w *world) startFRR(i int) (*frr, error) {
	program, err := peers.Get("vtysh", "frr")
	if err != nil {
		return nil, err
	}
	daemon, err := program.File("usr/lib/frr/bgpd")
	if err != nil {
		return nil, err
	}
	config, err := w.file("frr.conf", fmt.Sprintf("router bgp %d\n bgp router-id %s\n no bgp ebgp-requires-policy\n neighbor %s remote-as %d\n neighbor %[3]s passive\n neighbor %[3]s update-source %[2]s\n",
		routerASN, routerAddress(i), speakerAddress, speakerASN))
	if err != nil {
		return nil, err
	}
	// The daemon looks for this group before it reads any option.
	group, err := w.file("group", "root:x:0:\nfrrvty:x:0:\n")
	if err != nil {
		return nil, err
	}
	command := append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/group && mount -t tmpfs tmpfs /run && exec "$@"`, group},
		environment(program.Command())...)
	command[len(command)-1] = daemon
	command = append(command, "-Z", "-u", "root", "-g", "root", "-P", "0", "-l", routerAddress(i), "-f", config,
		"-i", filepath.Join(w.dir, "bgpd.pid"), "--vty_socket", w.dir, "--log", "stdout", "--log-level", "critical")
	f := &frr{socket: filepath.Join(w.dir, "bgpd.vty")}
	if _, err := w.start(w.there, "bgpd", command...); err != nil {
		return nil, err
	}
	return f, eventually("FRR answers", startWait, f.connect)
}

func (f *frr) connect() (err error) {
	if f.conn, err = net.Dial("unix", f.socket); err != nil {
		return err
	}
	_, err = f.ask("enable")
	return err
}

func (f *frr) ask(command string) (string, error) {
	if err := f.conn.SetDeadline(time.Now().Add(askWait)); err != nil {
		return "", err
	}
	return peers.AskVTY(f.conn, command)
}

// routes implements router.
func (f *frr) routes() (int, error) {
	var summary struct {
		Families map[string]struct {
			Received int `json:"pfxRcd"`
		} `json:"peers"`
	}
	err := f.json("show bgp ipv4 unicast summary json", &summary)
	return summary.Families[speakerAddress].Received, err
}

// have implements router.
func (f *frr) have(prefix string) (int, error) {
	var route struct {
		Paths []json.RawMessage `json:"paths"`
	}
	err := f.json("show bgp ipv4 unicast "+prefix+" json", &route)
	return min(1, len(route.Paths)), err
}

func (f *frr) json(command string, into any) error {
	text, err := f.ask(command)
	if err != nil {
		return fmt.Errorf("FRR: %w", err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("FRR: %s: %w: %s", command, err, text)
	}
	return nil
}

func (f *frr) count() int { return 1 }
func (f *frr) close()     { f.conn.Close() }
