package build

import "github.com/nearcast/nearcast/internal/federation"

// backends returns what runs behind an Ingress: behind each Service to which it sends calls. A
// Service that Karmada exposes to other clusters (MultiClusterService) is reached from all of them.
func (b *pass) backends(t *federation.Template, template *federation.Binding) *workload {
	w, exposed := &workload{}, false
	for _, name := range t.Backends {
		ref := federation.Ref{Kind: "Service", Namespace: t.Namespace, Name: name}
		b.look(ref)
		if b.in.exposed[ref] != nil {
			exposed = true
			continue
		}
		p, known := b.behind(ref, b.selectorOf(ref))
		if p.service = b.binding(ref); p.service == nil && !known {
			b.warn(t, "backend "+name, "neither a ResourceBinding of the Service nor a workload behind it is known: it does not decide in which clusters calls are answered")
			continue
		}
		w.parts = append(w.parts, p)
	}
	if len(w.parts) == 0 && !exposed {
		if own, known := b.behind(t.Ref(), nil); known {
			w.parts = append(w.parts, own)
		}
	}
	if len(w.parts) == 0 {
		return nil
	}
	for _, cluster := range clustersOf(template) {
		w.most = max(w.most, w.count(cluster))
	}
	return w
}

// selectorOf returns the selector of the Service, whether it declares a function or not.
func (b *pass) selectorOf(service federation.Ref) federation.Labels {
	if s := b.in.backends[service]; s != nil {
		return s.Selector
	}
	if e := b.entries.Get(service); e != nil && !e.gone {
		return e.template.Selector
	}
	return nil
}

// count returns how many parts run in the cluster.
func (w *workload) count(cluster string) (n int) {
	for _, p := range w.parts {
		if _, refusal := p.in(cluster, ""); refusal == "" {
			n++
		}
	}
	return n
}
