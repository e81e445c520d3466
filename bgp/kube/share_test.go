package kube

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
)

// mirrored returns a cluster whose mirrors a test fills.
func mirrored(t testing.TB) *Cluster {
	return newCluster(newFake(t).api("n"), config.Services{Node: "n"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func in(namespace string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Namespace = namespace }
}

func bornAt(second int64) func(*corev1.Service) {
	return func(s *corev1.Service) { s.CreationTimestamp = metav1.Unix(second, 0) }
}

// sliceFor returns a slice with endpoints of a Service.
func sliceFor(namespace, service, name string, addresses ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service},
	}}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return s
}

// declaredOf returns what the namespace declares and what of it is refused.
func declaredOf(namespace string, d cluster.Declared) (of cluster.Declared) {
	for _, s := range d.Services {
		if s.Namespace == namespace {
			of.Services = append(of.Services, s)
		}
	}
	for _, r := range d.Refused {
		if r.Service.Namespace == namespace {
			of.Refused = append(of.Refused, r)
		}
	}
	of.Drained = d.Drained
	return of
}

// TestANamespaceCannotChangeWhatOthersDeclare: over sequences of writes with
// any text in the keys that are read, deletions and re-creations.
func TestANamespaceCannotChangeWhatOthersDeclare(t *testing.T) {
	keys := []string{"vip", "probe", "hostname", "expect", "policy", "weights", "ttl", "address", "access", "workload", "unknown"}
	texts := []string{"", vip4, vip4 + ",2001:db8::1", "http://bank.example.org:9/x", "tcp://:70000", "none", "*.bank.example.org", "a=1,b=x", "\x1b[2J", strings.Repeat("9", 5000)}
	rapid.Check(t, func(r *rapid.T) {
		alone, beside := mirrored(t), mirrored(t)
		n := func(most int) int { return rapid.IntRange(0, most).Draw(r, "n") }
		for range 1 + n(15) {
			namespace := rapid.SampledFrom([]string{"bank", "aaa", "zzz"}).Draw(r, "namespace")
			name := fmt.Sprintf("s%d", n(2))
			s := balanced(name, in(namespace), bornAt(int64(n(9))))
			for range n(3) {
				text := rapid.OneOf(rapid.SampledFrom(texts), rapid.String()).Draw(r, "text")
				annotated("nearcast.dev/"+rapid.SampledFrom(keys).Draw(r, "key"), text)(s)
			}
			s.UID += "x"
			slice := sliceFor(namespace, fmt.Sprintf("s%d", n(2)), "slice", "10.0.0.1", rapid.SampledFrom([]string{"10.0.0.2", "169.254.169.254", "::1", "x"}).Draw(r, "address"))
			slice.Endpoints[0].Conditions.Ready = ptr(n(1) == 0)
			what := n(3)
			for _, c := range []*Cluster{alone, beside} {
				switch {
				case c == alone && namespace != "bank":
				case what == 0:
					c.services.Delete(s.DeepCopy())
				case what == 1:
					c.slices.Put(slice.DeepCopy())
				default:
					c.services.Put(s.DeepCopy())
				}
			}
			a, _ := alone.read()
			b, _ := beside.read()
			if a, b = declaredOf("bank", a), declaredOf("bank", b); !reflect.DeepEqual(a, b) {
				r.Fatalf("bank declares %+v beside others, and %+v alone", b, a)
			}
		}
	})
}

// TestOnlyTheOldestServicesOfANamespaceAreRead: the rest is refused by name, and no other
// namespace is affected.
func TestOnlyTheOldestServicesOfANamespaceAreRead(t *testing.T) {
	c := mirrored(t)
	const many = maxServices + 3
	for i := range many {
		c.services.Put(balanced(fmt.Sprintf("s%04d", i), in("evil"), bornAt(int64(many-i))))
	}
	c.services.Put(balanced("unborn", in("evil")))
	c.services.Put(balanced("young", in("bank"), bornAt(1e9)))
	d, seen := c.read()
	evil, bank := declaredOf("evil", d), declaredOf("bank", d)
	if len(evil.Services) != maxServices || len(bank.Services) != 1 || len(bank.Refused) > 0 || len(seen) != many+2 {
		t.Fatalf("got %d of evil, %d of bank, %d seen, refused %v", len(evil.Services), len(bank.Services), len(seen), bank.Refused)
	}
	var refused []string
	for _, r := range evil.Refused {
		refused = append(refused, r.Service.Name)
		if r.Reason != tooMany {
			t.Error(r)
		}
	}
	if want := []string{"s0000", "s0001", "s0002", "unborn"}; !reflect.DeepEqual(refused, want) {
		t.Errorf("got %v refused, want the youngest, %v", refused, want)
	}
	c.services.Delete(balanced("s0258", in("evil"))) // the oldest makes room
	if d, _ = c.read(); len(declaredOf("evil", d).Services) != maxServices || len(d.Refused) != 3 {
		t.Errorf("got %d refused", len(d.Refused))
	}
}

// TestWhatHasNotChangedIsNotReadAgain: the cost of a change depends only on the change, however
// many Services and endpoints another namespace has.
func TestWhatHasNotChangedIsNotReadAgain(t *testing.T) {
	c := mirrored(t)
	for _, name := range []string{"a", "b", "c"} {
		c.services.Put(balanced(name))
		for i := range 3 {
			c.slices.Put(sliceFor("media", name, fmt.Sprint(name, i), "10.0.0.1", "10.0.0.2"))
		}
	}
	before, _ := c.read()
	again := func(what, changed string) {
		t.Helper()
		after, _ := c.read()
		for i, s := range after.Services {
			old := before.Services[i]
			if same := &s.Endpoints[0] == &old.Endpoints[0] && &s.Addresses[0] == &old.Addresses[0]; same == (s.Name == changed) {
				t.Errorf("%s: read again: %v, of %s", what, !same, s.Name)
			}
		}
		before = after
	}
	for range 20 { // mirrors have no order
		again("nothing", "")
	}
	c.slices.Put(sliceFor("media", "b", "b1", "10.0.0.3"))
	after, _ := c.read()
	if got := len(after.Services[1].Endpoints); got != 3 || &after.Services[0].Endpoints[0] != &before.Services[0].Endpoints[0] {
		t.Errorf("after a change b has %d endpoints, or a was read again", got)
	}
	before = after
	c.services.Put(balanced("c", bornAt(time.Now().Unix())))
	again("another version of c", "c")
	c.slices.Delete(sliceFor("media", "a", "a0"))
	c.slices.Delete(sliceFor("media", "a", "a1"))
	c.slices.Delete(sliceFor("media", "a", "a2"))
	if after, _ = c.read(); len(after.Services[0].Endpoints) != 0 {
		t.Errorf("a still has endpoints: %v", after.Services[0].Endpoints)
	}
}
