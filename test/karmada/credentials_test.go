package karmada

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shortLived signs a token as the API server does, for a shorter life than it
// would itself give.
func (s *scene) shortLived(account string, life time.Duration) string {
	s.Helper()
	a, err := w.karmada.CoreV1().ServiceAccounts("nearcast-system").Get(s.Context(), account, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(w.plane.CA()), "sa.key"))
	if err != nil {
		s.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		s.Fatal(err)
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": "https://kubernetes.default.svc.cluster.local", "aud": []string{"https://kubernetes.default.svc.cluster.local"},
		"sub": "system:serviceaccount:nearcast-system:" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
		"kubernetes.io": map[string]any{"namespace": "nearcast-system", "serviceaccount": map[string]any{"name": account, "uid": a.UID}},
	})
	if err != nil {
		s.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	signed := enc([]byte(`{"alg":"ES256"}`)) + "." + enc(claims)
	sum := sha256.Sum256([]byte(signed))
	r, ss, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		s.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	ss.FillBytes(signature[32:])
	return signed + "." + enc(signature)
}

// TestATokenExpiresAndIsReplaced starts a server with a token that is soon to
// expire, restarts the API so that every watch must be reestablished, and then writes a
// new token into the file: no restart, no lost answer.
func TestATokenExpiresAndIsReplaced(t *testing.T) {
	s := inTwo(t)
	kubeconfig := filepath.Join(w.dir, "short.kubeconfig")
	put := func(token string) {
		if err := w.plane.Token(kubeconfig, token); err != nil {
			t.Fatal(err)
		}
	}
	// The API server takes a token for a minute longer than it lives.
	const life, leeway = 8 * time.Second, time.Minute
	put(s.shortLived("nearcast", life-leeway))
	begin := time.Now()
	server, err := w.serve("short", kubeconfig, "stale 12s")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	s.server = server
	s.answers("with a token that expires soon", s.host("hello"), "us", "us-azure", soon)
	time.Sleep(time.Until(begin.Add(life + time.Second)))
	s.kill("apiserver")
	s.restart("apiserver")
	s.within("it is rejected, and logs that", 2*soon, func() error {
		if !strings.Contains(server.log(), "Unauthorized") && !strings.Contains(server.log(), "provide credentials") {
			return want(tail(server.log(), 3), "no line about a rejected token")
		}
		return nil
	})
	s.kubectl("", "", "annotate", "service", "hello", "-n", s.namespace, "nearcast.dev/address=us-azure="+s.addr("hpc-kube"), "nearcast.dev/probe=none")
	s.holds("it answers from the last state", s.host("hello"), "us", "us-azure", time.Second)
	put(s.shortLived("nearcast", time.Hour))
	s.answers("with a new token the change is seen", s.host("hello"), "us", "hpc-kube", time.Minute)
}
