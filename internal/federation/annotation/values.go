package annotation

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// The parsers of the annotations' values.

// parseHostnames parses comma-separated names. It returns the reason why a name is not a
// hostname in unfit if there are other names; if it is the only one, it returns an error.
func parseHostnames(v string) (names []string, unfit []string, err error) {
	labels := 0
	for field := range strings.SplitSeq(v, ",") {
		name, bad := federation.ParseHostname(strings.TrimSpace(field))
		switch {
		case bad != nil:
			unfit = append(unfit, brief.Text(bad.Error()))
		case slices.Contains(names, name):
		default:
			names = append(names, name)
			labels += strings.Count(name, ".")
		}
		if len(names)+len(unfit) > federation.MostHostnames {
			return nil, nil, fmt.Errorf("more names than the %d that a function may have", federation.MostHostnames)
		}
		if labels > federation.MostLabels {
			return nil, nil, fmt.Errorf("more labels than the %d that a function's names may have in all", federation.MostLabels)
		}
	}
	if len(names) == 0 {
		return nil, nil, errors.New(strings.Join(unfit, "; "))
	}
	return names, unfit, nil
}

// maxWeights bounds the clusters to which one template gives weights.
const maxWeights = 256

func parseWeights(v string) ([]federation.Weight, error) {
	var weights []federation.Weight
	for field := range strings.SplitSeq(v, ",") {
		cluster, text, ok := strings.Cut(strings.TrimSpace(field), "=")
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if !ok || cluster == "" || err != nil {
			return nil, fmt.Errorf("%q is not cluster=weight with a weight from 0 to 65535", strings.TrimSpace(field))
		}
		if len(weights) == maxWeights {
			return nil, fmt.Errorf("more weights than the %d that a function may have", maxWeights)
		}
		if slices.ContainsFunc(weights, func(w federation.Weight) bool { return w.Cluster == cluster }) {
			return nil, fmt.Errorf("cluster %q is named twice", cluster)
		}
		weights = append(weights, federation.Weight{Cluster: cluster, Value: uint32(n)})
	}
	return weights, nil
}

func parseProbe(v string) (*federation.ProbeSpec, error) {
	if v == string(federation.ProbeNone) {
		return &federation.ProbeSpec{Text: v, Kind: federation.ProbeNone}, nil
	}
	u, err := url.Parse(v)
	if failed := new(url.Error); errors.As(err, &failed) {
		return nil, fmt.Errorf("%q is not a probe: %w", v, failed.Err) // failed contains v too
	}
	p := &federation.ProbeSpec{Text: v, Kind: federation.ProbeKind(u.Scheme), Host: u.Hostname()}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q: port %q is not from 1 to 65535", v, text)
		}
		p.Port = uint16(n)
	}
	switch {
	case u.Opaque != "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("%q is not scheme://[HOST][:PORT][/PATH]; a probe takes no user and no fragment", v)
	case p.Kind == federation.ProbeTCP:
		if u.Path != "" || u.RawQuery != "" || p.Host != "" || p.Port == 0 {
			return nil, fmt.Errorf("%q is not tcp://:PORT", v)
		}
	case p.Kind == federation.ProbeHTTP || p.Kind == federation.ProbeHTTPS:
		p.Path = u.RequestURI()
	case p.Kind == federation.ProbeGRPC:
		if u.RawQuery != "" || p.Port == 0 {
			return nil, fmt.Errorf("%q is not grpc://[HOST]:PORT[/SERVICE]", v)
		}
		p.Path = "/" + strings.TrimPrefix(u.Path, "/")
	default:
		return nil, fmt.Errorf("%q is not a probe; known probes: http://, https://, tcp://, grpc:// and none", v)
	}
	return p, nil
}

// maxVIPs bounds the VIPs that one template declares.
const maxVIPs = 16

func parseAddrs(v string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for field := range strings.SplitSeq(v, ",") {
		a, err := netip.ParseAddr(strings.TrimSpace(field))
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("%q is not an IP address", strings.TrimSpace(field))
		}
		if a = a.Unmap(); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
		if len(addrs) > maxVIPs {
			return nil, fmt.Errorf("more than the %d VIPs that a function may have", maxVIPs)
		}
	}
	return addrs, nil
}

// parseEndpoint parses comma-separated addresses, each "addr" or "addr:port"; the ports
// must agree.
func parseEndpoint(v string) (federation.Endpoint, error) {
	var e federation.Endpoint
	for field := range strings.SplitSeq(v, ",") {
		field = strings.TrimSpace(field)
		addr, port, err := parseAddrPort(field)
		if err != nil {
			return federation.Endpoint{}, err
		}
		if port != 0 && e.Port != 0 && port != e.Port {
			return federation.Endpoint{}, fmt.Errorf("ports %d and %d differ; one endpoint has one port", e.Port, port)
		}
		e = e.Add(addr)
		e.Port = max(e.Port, port)
	}
	return e, nil
}

func parseAddrPort(s string) (netip.Addr, uint16, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return a, 0, nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
		return netip.Addr{}, 0, fmt.Errorf("%q is not an address or address:port", s)
	}
	return ap.Addr(), ap.Port(), nil
}

// gatewayWord replaces an address to mean the cluster's gateway.
const gatewayWord = "gateway"

// parseFixed parses "cluster=addr,…"; a cluster may be repeated, once per address. The
// word gateway means the address of the cluster's gateway or, on its own, the gateway of
// every cluster; these clusters are returned in byGateway.
func parseFixed(v string) (fixed map[string]federation.Endpoint, byGateway []string, err error) {
	fixed = map[string]federation.Endpoint{}
	for field := range strings.SplitSeq(v, ",") {
		field = strings.TrimSpace(field)
		if field == gatewayWord {
			byGateway = append(byGateway, federation.AnyCluster)
			continue
		}
		cluster, text, ok := strings.Cut(field, "=")
		if !ok || cluster == "" {
			return nil, nil, fmt.Errorf("%q is not cluster=address", field)
		}
		if text = strings.TrimSpace(text); text == gatewayWord {
			byGateway = append(byGateway, cluster)
			continue
		}
		addr, port, err := parseAddrPort(text)
		if err != nil {
			return nil, nil, fmt.Errorf("cluster %s: %w", cluster, err)
		}
		e := fixed[cluster]
		if port != 0 && e.Port != 0 && port != e.Port {
			return nil, nil, fmt.Errorf("cluster %s: ports %d and %d differ; one endpoint has one port", cluster, e.Port, port)
		}
		e = e.Add(addr)
		e.Port = max(e.Port, port)
		if fixed[cluster] = e; len(e.V4)+len(e.V6) > federation.MaxAddresses || len(fixed) > maxWeights {
			return nil, nil, fmt.Errorf("cluster %s: more than the %d addresses of a placement, or the %d clusters, that a function may name", cluster, federation.MaxAddresses, maxWeights)
		}
	}
	return fixed, byGateway, nil
}
