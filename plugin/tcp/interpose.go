package tcp

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// interpose has the servers of a configuration made through us. Neither CoreDNS nor
// caddy has a place for that: caddy asks the context of its instance for them, plugins
// ask the context for what only CoreDNS's own type has, and both is one field. So it is
// changed after the last directive, and changed back before anybody looks again.
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
	return fmt.Errorf("tcp: the configuration is of no instance of the server")
}

// field returns a field, exported or not, of what owner points to.
func field[T any](owner any, name string) (*T, error) {
	f := reflect.ValueOf(owner).Elem().FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil, fmt.Errorf("tcp: %T has no field %s of the type %s: this version of CoreDNS needs another version of the plugin tcp",
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

// loosen takes away bounds of CoreDNS's own that turn new clients away, where the
// Corefile does not set them, and bounds queries, which CoreDNS does not.
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

// bounds returns those of the configuration.
func (m *maker) bounds() bounds {
	files := openFiles()
	m.instance.StorageMu.RLock()
	l, ok := m.instance.Storage[key{}].(line)
	m.instance.StorageMu.RUnlock()
	if !ok {
		return bounds{}.complete(files)
	}
	if most := fitting(files); most < l.all {
		log.Warningf("%s: the process may open %d files, which is enough for %d connections and not for %d: raise the limit (ulimit -n, LimitNOFILE)", l.at, files, most, l.all)
	}
	return l.bounds
}
