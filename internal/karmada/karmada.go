// Package karmada follows the Karmada API with informers and stages what it
// reads in a federation.Store. It alone imports Karmada's clientset.
//
// Run blocks until its context ends and leaves no goroutine behind. Handlers
// only strip and stage; nothing here waits for the Store's reader.
package karmada

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/karmada-io/karmada/pkg/generated/clientset/versioned"
	"github.com/karmada-io/karmada/pkg/generated/informers/externalversions"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/slim"
)

// confirmInterval is how often the API is asked whether it is there. A watch
// that a partition has cut says nothing for minutes, so silence proves nothing.
const confirmInterval = 5 * time.Second

// API is the access to one Karmada API server.
type API struct {
	Karmada    versioned.Interface
	Kubernetes kubernetes.Interface
	// Ready asks the server's /readyz.
	Ready func(context.Context) error
}

// Connect makes an API from a kubeconfig file. It does not speak to the server.
func Connect(kubeconfig string) (API, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return API{}, fmt.Errorf("karmada: kubeconfig %s: %w", kubeconfig, err)
	}
	config.UserAgent = "nearcast"
	return connect(config)
}

func connect(config *rest.Config) (API, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return API{}, fmt.Errorf("karmada: %w", err)
	}
	k, err := versioned.NewForConfigAndClient(config, client)
	if err != nil {
		return API{}, fmt.Errorf("karmada: %w", err)
	}
	core, err := kubernetes.NewForConfigAndClient(config, client)
	if err != nil {
		return API{}, fmt.Errorf("karmada: %w", err)
	}
	return API{Karmada: k, Kubernetes: core, Ready: readyz(core.RESTClient())}, nil
}

func readyz(client rest.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, confirmInterval)
		defer cancel()
		var status int
		err := client.Get().AbsPath("/readyz").Do(ctx).StatusCode(&status).Error()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answered %d", status)
		}
		return err
	}
}

// Source follows one Karmada API.
type Source struct {
	api        API
	namespaces []string
}

// New returns a Source of the given namespaces; none means all.
func New(api API, namespaces ...string) *Source {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	return &Source{api: api, namespaces: namespaces}
}

// Run stages the federation in store and follows it until ctx ends. Failures
// are reported to onError and tried again with client-go's back-off; the store
// keeps what it held.
func (s *Source) Run(ctx context.Context, store *federation.Store, onError func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var synced []cache.InformerSynced
	var stops []func()
	defer func() {
		cancel()
		for _, stop := range stops {
			stop()
		}
	}()
	for i, namespace := range s.namespaces {
		k := externalversions.NewSharedInformerFactoryWithOptions(s.api.Karmada, 0,
			externalversions.WithNamespace(namespace), externalversions.WithTransform(strip))
		core := informers.NewSharedInformerFactoryWithOptions(s.api.Kubernetes, 0,
			informers.WithNamespace(namespace), informers.WithTransform(strip))
		watched := []cache.SharedIndexInformer{
			k.Work().V1alpha2().ResourceBindings().Informer(),
			core.Core().V1().Services().Informer(),
			core.Apps().V1().Deployments().Informer(),
			core.Apps().V1().StatefulSets().Informer(),
			core.Networking().V1().Ingresses().Informer(),
		}
		if i == 0 { // clusters have no namespace
			watched = append(watched, k.Cluster().V1alpha1().Clusters().Informer())
		}
		for _, informer := range watched {
			registration, err := follow(informer, store, onError)
			if err != nil {
				return err
			}
			synced = append(synced, registration.HasSynced)
		}
		k.Start(ctx.Done())
		core.Start(ctx.Done())
		stops = append(stops, k.Shutdown, core.Shutdown)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil // ctx ended first
	}
	s.confirm(ctx, store, onError)
	return nil
}

func follow(informer cache.SharedIndexInformer, store *federation.Store, onError func(error)) (cache.ResourceEventHandlerRegistration, error) {
	err := informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		onError(fmt.Errorf("karmada: %w", err))
	})
	if err != nil {
		return nil, fmt.Errorf("karmada: %w", err)
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { stage(store, obj) },
		UpdateFunc: func(_, obj any) { stage(store, obj) },
		DeleteFunc: func(obj any) { unstage(store, obj) },
	})
	if err != nil {
		return nil, fmt.Errorf("karmada: %w", err)
	}
	return registration, nil
}

func stage(store *federation.Store, obj any) {
	object, faults := slim.Object(obj, federation.Origin{})
	ref, _ := slim.Ref(obj)
	switch {
	case len(faults) > 0:
		store.Refuse(ref, faults)
	case object == nil: // no function any more
		store.Delete(ref)
	default:
		store.Put(object)
	}
}

func unstage(store *federation.Store, obj any) {
	if last, missed := obj.(cache.DeletedFinalStateUnknown); missed {
		obj = last.Obj
	}
	if ref, ok := slim.Ref(obj); ok {
		store.Delete(ref)
	}
}

// confirm tells the store, while the API answers, that what it holds is current.
func (s *Source) confirm(ctx context.Context, store *federation.Store, onError func(error)) {
	store.Confirm(time.Now())
	tick := time.NewTicker(confirmInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch err := s.api.Ready(ctx); {
		case err == nil:
			store.Confirm(time.Now())
		case !errors.Is(err, context.Canceled):
			onError(fmt.Errorf("karmada: %s", strings.TrimSpace(err.Error())))
		}
	}
}
