package tcp

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// interpose makes a configuration's servers through this package. Neither CoreDNS nor caddy has a hook for that:
// caddy asks the context of its instance for them, plugins ask the context for what only CoreDNS's own type has,
// and both are the same field. So the field is changed after the last directive, and changed back before anything
// reads it again.
func interpose(ctx caddy.Context) error {
	for _, i := range caddy.Instances() {
		place, err := field[caddy.Context](i, "context")
		if err != nil {
			return err
		}
		if *place == ctx {
			*place = &maker{Context: ctx, instance: i, place: place}
			return nil
		}
	}
	return fmt.Errorf("tcp: the configuration belongs to no server instance")
}

// field returns a field, exported or not, of the struct that owner points to.
func field[T any](owner any, name string) (*T, error) {
	f := reflect.ValueOf(owner).Elem().FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil, fmt.Errorf("tcp: %T has no field %s of type %s: this version of CoreDNS needs a different version of the plugin tcp",
			owner, name, reflect.TypeFor[T]())
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr())), nil
}

// maker makes the servers of a configuration.
type maker struct {
	caddy.Context // CoreDNS's
	instance      *caddy.Instance
	place         *caddy.Context
}

// MakeServers implements caddy.Context.
func (m *maker) MakeServers() ([]caddy.Server, error) {
	*m.place = m.Context
	configs, err := field[[]*dnsserver.Config](m.Context, "configs")
	if err != nil {
		return nil, err
	}
	for _, c := range *configs {
		loosen(c)
	}
	servers, err := m.Context.MakeServers()
	if err != nil {
		return nil, err
	}
	b := m.bounds()
	for i, s := range servers {
		if g, ok := s.(caddy.GracefulServer); ok {
			if err := private(g); err != nil {
				return nil, err
			}
			bounded := newServer(g, b)
			if bounded.servers, err = dnsServersOf(g); err != nil {
				return nil, err
			}
			if err := standBefore(g); err != nil {
				return nil, err
			}
			servers[i] = bounded
		}
	}
	return servers, nil
}

// loosen removes CoreDNS's own bounds that reject new clients, unless the Corefile sets them. It also bounds
// queries, which CoreDNS does not.
func loosen(c *dnsserver.Config) {
	unset := func(bound **int, n int) {
		if *bound == nil {
			*bound = &n
		}
	}
	unset(&c.MaxTCPQueries, queriesByDefault)
	unset(&c.MaxHTTPSConnections, 0)
	unset(&c.MaxGRPCConnections, 0)
}

// bounds returns the bounds of the configuration.
func (m *maker) bounds() bounds {
	files := openFiles()
	m.instance.StorageMu.RLock()
	l, ok := m.instance.Storage[key{}].(line)
	m.instance.StorageMu.RUnlock()
	if !ok {
		return bounds{}.complete(files)
	}
	if most := fitting(files); most < l.all {
		log.Warningf("%s: the process may open %d files, enough for %d connections instead of %d: raise the limit (ulimit -n, LimitNOFILE)", l.at, files, most, l.all)
	}
	return l.bounds
}
