package kube

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
)

// has sets the addresses in a Service's status.
func has(addrs ...string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		mode := corev1.LoadBalancerIPModeVIP
		for _, a := range addrs {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: a, IPMode: &mode})
		}
	}
}

// TestAStatusHasExactlyTheAddressesAnnounced has a Service before the speaker starts, the
// addresses in its status then, and how often it was written to.
func TestAStatusHasExactlyTheAddressesAnnounced(t *testing.T) {
	hostname := func(s *corev1.Service) {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "cloud.example.org"}}
	}
	const other = "203.0.113.9"
	for name, c := range map[string]struct {
		service *corev1.Service
		denied  string
		want    string
		writes  int
	}{
		"its address is written":                      {balanced("a"), "", vip4, 1},
		"both families, as annotated":                 {balanced("a", annotated("nearcast.dev/vip", "2001:db8::80,"+vip4)), "", "2001:db8::80 " + vip4, 1},
		"already correct":                             {balanced("a", has(vip4)), "", vip4, 0},
		"what others wrote is replaced":               {balanced("a", has(other)), "", vip4, 1},
		"a hostname too":                              {balanced("a", hostname), "", vip4, 1},
		"another address than before":                 {balanced("a", has(other)), "", vip4, 1},
		"refused for a conflict":                      {balanced("a", has(vip4)), vip4, "", 1},
		"one of two refused":                          {balanced("a", annotated("nearcast.dev/vip", "2001:db8::80,"+vip4), has("2001:db8::80", vip4)), vip4, "2001:db8::80", 1},
		"the annotation is gone":                      {balanced("a", annotated("nearcast.dev/vip", ""), has(vip4)), "", "", 1},
		"refused, and never had any":                  {balanced("a"), vip4, "", 0},
		"one that cannot be read keeps its addresses": {balanced("a", annotated("nearcast.dev/policy", "nearst"), has(vip4)), "", vip4, 0},
		"so does one that is being deleted":           {balanced("a", deleted, has(vip4)), "", vip4, 0},
		"and gets no new ones":                        {balanced("a", deleted), "", "", 0},
		"of another class":                            {balanced("a", ofClass("example.org/other"), has(other)), "", other, 0},
		"of another class, a function":                {balanced("a", ofClass("example.org/other"), labelled, has(other)), "", other, 0},
		"of no class, a function":                     {balanced("a", classless, labelled, has(other)), "", other, 0},
		"of no class, a function, none yet":           {balanced("a", classless, labelled), "", "", 0},
		"of no balancer, a function":                  {balanced("a", clusterIP, labelled), "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := newFake(t, node("node"), c.service)
				f := follow(t, a, "node", c.denied)
				defer f.end()
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := a.status("a"); got != c.want || len(a.writes()) != c.writes {
					t.Errorf("got %q after writing %q, want %q after %d", got, a.writes(), c.want, c.writes)
				}
			})
		})
	}
}

// TestAStatusFollowsTheServicesRequest goes through a Service's life. Its
// endpoints, which go and come, change nothing.
func TestAStatusFollowsTheServicesRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"), sliceOf("a", "a-1", 8080, "192.0.2.1 ready"))
		f := follow(t, a, "node")
		defer f.end()
		soon()
		for _, step := range []struct {
			name, want string
			do         func()
			writes     int
		}{
			{"at first", vip4, func() {}, 1},
			{"no endpoint", vip4, func() { a.hasSlice(sliceOf("a", "a-1", 8080)) }, 0},
			{"one again", vip4, func() { a.hasSlice(sliceOf("a", "a-1", 8080, "192.0.2.1 ready")) }, 0},
			{"the node is drained", vip4, func() {
				if _, err := a.CoreV1().Nodes().Update(t.Context(), node("node", "nearcast.dev/drain"), metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}, 0},
			{"another address", "198.51.100.81", func() { a.has(balanced("a", annotated("nearcast.dev/vip", "198.51.100.81"))) }, 1},
			{"a typo elsewhere", "198.51.100.81", func() {
				a.has(balanced("a", annotated("nearcast.dev/vip", "198.51.100.81"), annotated("nearcast.dev/policy", "nearst")))
			}, 0},
			{"another controller writes to the status", "198.51.100.81", func() {
				s := balanced("a", annotated("nearcast.dev/vip", "198.51.100.81"), has("203.0.113.9"))
				if _, err := a.CoreV1().Services("media").UpdateStatus(t.Context(), s, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}, 1},
			{"the configuration no longer permits it", "", func() { f.deny("198.51.100.81") }, 1},
			{"back to the first", vip4, func() { a.has(balanced("a")) }, 1},
			{"a ClusterIP", "", func() { a.has(balanced("a", clusterIP)) }, 0}, // the API itself takes it away
			{"of the class again", vip4, func() { a.has(balanced("a")) }, 1},
			{"gone", `services "a" not found`, func() { a.deletes("a") }, 0},
			{"recreated", vip4, func() { a.has(balanced("a", func(s *corev1.Service) { s.UID = "2" })) }, 1},
		} {
			before := len(a.writes())
			if step.name == "at first" {
				before = 0
			}
			step.do()
			soon()
			if got, writes := a.status("a"), a.writes()[before:]; got != step.want || len(writes) != step.writes {
				t.Fatalf("%s: %q after writing %q, want %q after %d", step.name, got, writes, step.want, step.writes)
			}
		}
	})
}

// TestOnlyTheHolderOfTheLeaseWrites has two nodes, of which the second would write
// no address: the status shows which node wrote it.
func TestOnlyTheHolderOfTheLeaseWrites(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("one"), node("two"), balanced("a"))
		one := follow(t, a, "one")
		soon()
		two := follow(t, a, "two", vip4)
		defer two.end()
		holds := func(step, holder, status string, writes int) {
			t.Helper()
			synctest.Wait()
			lease, err := a.CoordinationV1().Leases("nearcast-system").Get(t.Context(), "nearcast-speaker", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if *lease.Spec.HolderIdentity != holder || a.status("a") != status || len(a.writes()) != writes {
				t.Fatalf("%s: got holder %s and status %q after writing %q", step, *lease.Spec.HolderIdentity, a.status("a"), a.writes())
			}
		}
		time.Sleep(10 * time.Minute)
		holds("the first", "one", vip4, 1)
		one.end()
		time.Sleep(15 * time.Second) // it was released; others try to acquire it every 5 to 11 s
		holds("the second", "two", "", 2)
	})
}

// TestLosingTheLeaseStopsOnlyWriting has another node acquire it while the API is
// unavailable for this one's Lease.
func TestLosingTheLeaseStopsOnlyWriting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("one"), balanced("a"))
		var away atomic.Bool
		a.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return away.Load(), nil, apierrors.NewServiceUnavailable("away")
		})
		f := follow(t, a, "one")
		defer f.end()
		soon()
		away.Store(true)
		time.Sleep(time.Minute)
		a.has(balanced("b"))
		soon()
		f.says("it declares", "a:; b:")
		if got := a.writes(); !slices.Equal(got, []string{"a=" + vip4}) {
			t.Fatalf("wrote %q without the Lease", got)
		}
		away.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := a.status("b"); got != vip4 {
			t.Errorf("got %q, want its address: the Lease is held again", got)
		}
	})
}

// TestALeaseThatCannotBeAcquiredIsLoggedOnce forbids creating it, or taking it over
// from a node that has left, and nothing else.
func TestALeaseThatCannotBeAcquiredIsLoggedOnce(t *testing.T) {
	for verb, lease := range map[string]*coordinationv1.Lease{
		"create": nil,
		"update": {
			ObjectMeta: metav1.ObjectMeta{Namespace: "nearcast-system", Name: "nearcast-speaker"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: ptr("left"), LeaseDurationSeconds: ptr(int32(30))},
		},
	} {
		t.Run(verb, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				objects := []runtime.Object{node("node"), balanced("a")}
				if lease != nil {
					objects = append(objects, lease)
				}
				a := newFake(t, objects...)
				a.PrependReactor(verb, "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, "nearcast-speaker", errors.New("no"))
				})
				f := follow(t, a, "node")
				defer f.end()
				time.Sleep(10 * time.Minute)
				f.says("it declares", "a:")
				if n := f.log.Count("cannot acquire the Lease"); n != 1 || len(a.writes()) != 0 {
					t.Errorf("logged %d times, and wrote %q", n, a.writes())
				}
			})
		})
	}
}

// TestAFailedWriteIsRetried has a write forbidden, then in conflict; retries come at a pace that
// does not depend on the cluster's rate of change.
func TestAFailedWriteIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"))
		a.refuse = apierrors.NewForbidden(serviceKind.GroupResource(), "a", errors.New("no"))
		f := follow(t, a, "node")
		defer f.end()
		for i := range 600 {
			a.hasSlice(sliceOf("a", "a-1", 8080, "192.0.2.1 ready", "192.0.2.2 "+[]string{"ready", "!ready"}[i%2]))
			time.Sleep(100 * time.Millisecond)
		}
		if n := f.log.Count("is forbidden"); n < 5 || n > 9 {
			t.Errorf("tried %d times in a minute", n)
		}
		a.mu.Lock()
		a.refuse = apierrors.NewConflict(serviceKind.GroupResource(), "a", errors.New("it has changed"))
		a.mu.Unlock()
		time.Sleep(time.Minute)
		if n := f.log.Count("it has changed"); n != 0 {
			t.Errorf("logged a conflict %d times", n)
		}
		a.mu.Lock()
		a.refuse = nil
		a.mu.Unlock()
		time.Sleep(mostRetry)
		synctest.Wait()
		if got := a.status("a"); got != vip4 {
			t.Errorf("got %q, want its address", got)
		}
	})
}

// TestAServiceThatCannotBeWrittenDelaysNoOther has one refused for minutes, as an
// admission webhook does, beside one that is made then.
func TestAServiceThatCannotBeWrittenDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"))
		var refused atomic.Bool
		refused.Store(true)
		a.PrependReactor("patch", "services", func(action clienttesting.Action) (bool, runtime.Object, error) {
			name := action.(clienttesting.PatchAction).GetName()
			return refused.Load() && name == "a", nil, apierrors.NewForbidden(serviceKind.GroupResource(), name, errors.New("no"))
		})
		f := follow(t, a, "node")
		defer f.end()
		time.Sleep(5 * time.Minute)
		a.has(balanced("b"))
		soon()
		if got := a.status("b"); got != vip4 {
			t.Errorf("b has %q a second after its creation, want its address", got)
		}
		refused.Store(false)
		time.Sleep(mostRetry)
		synctest.Wait()
		if got := a.status("a"); got != vip4 {
			t.Errorf("a has %q, want its address", got)
		}
	})
}

// TestAStartRemovesNoAddress checks that nothing is written before the speaker
// has judged the Services: it starts with none.
func TestAStartRemovesNoAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a", has(vip4)), balanced("b", has(vip4)))
		f := follow(t, a, "node")
		defer f.end()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := a.writes(); len(got) != 0 {
			t.Errorf("wrote %q", got)
		}
		if f.log.Count("WARN") != 0 {
			t.Errorf("%s", strings.TrimSpace(f.log.String()))
		}
	})
}
