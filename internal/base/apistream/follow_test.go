package apistream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/base/apistream"
	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// TestAStoreFollowsAShakyServer follows servers that change all the time: the store never holds what the
// server never held at one time, and holds what the server holds soon after that is calm.
func TestAStoreFollowsAShakyServer(t *testing.T) {
	for seed := range 60 {
		for name, encoding := range both {
			synctest.Test(t, func(t *testing.T) {
				s := &shaky{
					T: t, encoding: encoding, streams: seed%2 == 0, pages: seed%3 == 0, rand: rand.New(rand.NewPCG(0, uint64(seed))),
					objects: map[string]*corev1.Service{}, changed: make(chan struct{}), states: map[string]bool{"map[]": true},
				}
				store := &mirror{of: s, all: map[string]string{}}
				ctx, cancel := context.WithCancel(t.Context())
				var following sync.WaitGroup
				following.Go(func() { follow(ctx, t, s, store) })
				for range 60 {
					s.change()
					time.Sleep(time.Second)
				}
				s.mu.Lock()
				s.calm = true
				s.mu.Unlock()
				time.Sleep(time.Minute)
				s.change()
				time.Sleep(time.Second)
				cancel()
				following.Wait()
				if got := fmt.Sprint(store.all); got != s.state() {
					t.Errorf("%s, seed %d: holds %s, want %s", name, seed, got, s.state())
				}
			})
		}
	}
}

func follow(ctx context.Context, t *testing.T, s *shaky, store apiwatch.Store) {
	group, err := kinds.Group(rest.Config{Host: "http://api.example.org", QPS: -1}, &http.Client{Transport: s}, corev1.SchemeGroupVersion, apiclient.Protobuf)
	if err != nil {
		t.Error(err)
		return
	}
	apiwatch.Follow(ctx, apistream.ListWatch(group, "services", apiclient.Selection{}, says), store, func(error) {})
}

// mirror is a Store that checks that the server once held what it holds.
type mirror struct {
	of  *shaky
	all map[string]string // by name
}

func (m *mirror) check() {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if now := fmt.Sprint(m.all); !m.of.states[now] {
		m.of.Errorf("the server never held %s", now)
	}
}

func (m *mirror) put(obj any) {
	item := obj.(*apistream.Item[string])
	m.all[item.GetObjectMeta().GetName()] = item.Kept
}

// Put implements apiwatch.Store.
func (m *mirror) Put(obj any) {
	m.put(obj)
	m.check()
}

// Delete implements apiwatch.Store.
func (m *mirror) Delete(obj any) {
	delete(m.all, obj.(*apistream.Item[string]).GetObjectMeta().GetName())
	m.check()
}

// Replace implements apiwatch.Store.
func (m *mirror) Replace(all []any) {
	m.all = map[string]string{}
	for _, obj := range all {
		m.put(obj)
	}
	m.check()
}
