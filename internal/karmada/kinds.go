package karmada

import (
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/karmada-io/karmada/pkg/generated/informers/externalversions"

	"github.com/nearcast/nearcast/internal/federation"
)

// kind is one kind of object that is read.
type kind struct {
	group, name string
	// optional kinds are done without where they are not served, or cannot be read.
	optional bool
	followed []*followed // one per namespace
}

// followed is a kind in one namespace, or in all.
type followed struct {
	informer cache.SharedIndexInformer
	synced   cache.InformerSynced
	// missing is set where the API does not serve the kind; failed, once it could
	// not be read, say because it is forbidden.
	missing, failed atomic.Bool
}

// patience is how long optional kinds that cannot be read are waited for when all
// others were: an API server that has just started forbids everything for a while.
const patience = 5 * time.Second

// told reports whether the API has told of every object of the kind, or does not
// where it may be done without.
func (k *kind) told(impatient bool) bool {
	for _, f := range k.followed {
		if f.synced() || k.optional && (f.missing.Load() || impatient && f.failed.Load()) {
			continue
		}
		return false
	}
	return true
}

// kinds are those that are read, in the namespaces of the source.
func (s *Source) kinds() []*kind {
	clusters := &kind{group: "cluster.karmada.io", name: "Cluster"}
	bindings := &kind{group: "work.karmada.io", name: "ResourceBinding"}
	services := &kind{name: "Service"}
	deployments := &kind{group: "apps", name: "Deployment", optional: true}
	sets := &kind{group: "apps", name: "StatefulSet", optional: true}
	ingresses := &kind{group: "networking.k8s.io", name: "Ingress", optional: true}
	exposures := &kind{group: "networking.karmada.io", name: "MultiClusterService", optional: true}
	add := func(k *kind, informer cache.SharedIndexInformer) {
		k.followed = append(k.followed, &followed{informer: informer})
	}
	for i, namespace := range s.namespaces {
		k := externalversions.NewSharedInformerFactoryWithOptions(s.api.Karmada, 0,
			externalversions.WithNamespace(namespace), externalversions.WithTransform(strip))
		core := informers.NewSharedInformerFactoryWithOptions(s.api.Kubernetes, 0,
			informers.WithNamespace(namespace), informers.WithTransform(strip))
		if i == 0 { // clusters have no namespace
			add(clusters, k.Cluster().V1alpha1().Clusters().Informer())
		}
		add(bindings, k.Work().V1alpha2().ResourceBindings().Informer())
		add(exposures, k.Networking().V1alpha1().MultiClusterServices().Informer())
		add(services, core.Core().V1().Services().Informer())
		add(deployments, core.Apps().V1().Deployments().Informer())
		add(sets, core.Apps().V1().StatefulSets().Informer())
		add(ingresses, core.Networking().V1().Ingresses().Informer())
	}
	return []*kind{clusters, bindings, services, deployments, sets, ingresses, exposures}
}

// follow has the informer stage what it reads.
func (f *followed) follow(store *federation.Store, k *kind, onError func(error)) error {
	err := f.informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		missing := apierrors.IsNotFound(err)
		known := f.missing.Swap(missing)
		f.failed.Store(true)
		switch {
		case k.optional && missing && known: // said once: nobody need do anything about it
		case k.optional && missing:
			onError(fmt.Errorf("karmada: this API has no %s, and goes without", k.name))
		default:
			onError(fmt.Errorf("karmada: %s: %w", k.name, err))
		}
	})
	if err != nil {
		return fmt.Errorf("karmada: %w", err)
	}
	registration, err := f.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { stage(store, obj) },
		UpdateFunc: func(_, obj any) { stage(store, obj) },
		DeleteFunc: func(obj any) { unstage(store, obj) },
	})
	if err != nil {
		return fmt.Errorf("karmada: %w", err)
	}
	f.synced = registration.HasSynced
	return nil
}
