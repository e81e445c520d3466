package karmada

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// keeper is an API that accepts one token.
type keeper struct {
	*httptest.Server
	token   atomic.Pointer[string]
	refused atomic.Int64
}

func newKeeper(t *testing.T, token string) *keeper {
	k := &keeper{}
	k.token.Store(&token)
	k.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*k.token.Load() {
			k.refused.Add(1)
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":401,"reason":"Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		if r.UserAgent() != "nearcast" {
			t.Errorf("user agent %q", r.UserAgent())
		}
		fmt.Fprint(w, "ok")
	}))
	t.Cleanup(k.Close)
	return k
}

func writeKubeconfig(t *testing.T, path, server string) {
	t.Helper()
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {tokenFile: token}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`, server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCredentialsAreFollowed changes the token, then damages it, then moves the server;
// with a watch of the files and without: then a refusal triggers the read.
func TestCredentialsAreFollowed(t *testing.T) {
	for _, watched := range []bool{true, false} {
		t.Run(fmt.Sprintf("watched %v", watched), func(t *testing.T) {
			dir := t.TempDir()
			path, token := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "token")
			put := func(text string) {
				if err := os.WriteFile(token, []byte(text+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			first, second := newKeeper(t, "one"), newKeeper(t, "three")
			writeKubeconfig(t, path, first.URL)
			put("one")
			api, err := Connect(path)
			if err != nil {
				t.Fatal(err)
			}
			if watched {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { api.Follow(ctx, func(err error) { t.Log(err) }); close(done) }()
				defer func() { cancel(); <-done }()
			}
			ready := func(what string) {
				t.Helper()
				var err error
				for range 500 {
					if err = api.Ready(t.Context()); err == nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
				t.Fatalf("%s: %v", what, err)
			}
			ready("the first token")
			two := "two"
			first.token.Store(&two)
			put("two")
			ready("another token")
			writeKubeconfig(t, path, "://")
			time.Sleep(100 * time.Millisecond)
			ready("a kubeconfig that is none")
			if watched {
				put("three")
				writeKubeconfig(t, path, second.URL)
				time.Sleep(200 * time.Millisecond)
				first.Close()
				ready("another server")
			}
		})
	}
}

// TestARefusedRequestIsNotRepeatedForever checks that files are read at most once a
// second because of refusals.
func TestARefusedRequestIsNotRepeatedForever(t *testing.T) {
	dir := t.TempDir()
	k := newKeeper(t, "right")
	writeKubeconfig(t, filepath.Join(dir, "kubeconfig"), k.URL)
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := openCredentials(filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	before := c.current.Load()
	c.reread()
	at := c.refused
	for range 100 {
		c.reread()
	}
	if !c.refused.Equal(at) || c.current.Load() != before {
		t.Error("the files were read again at once, or replaced without a change")
	}
}

// TestAClientCertificateIsFollowed replaces the files of a certificate, as in a rotation,
// and asks the server which client it saw.
func TestAClientCertificateIsFollowed(t *testing.T) {
	dir := t.TempDir()
	var seen atomic.Pointer[string]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(&r.TLS.PeerCertificates[0].Subject.CommonName)
		fmt.Fprint(w, "ok")
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	rotate := func(name string) {
		fixture.Certificate(t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), name)
	}
	fixture.PEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", server.Certificate().Raw)
	rotate("first")
	fixture.Write(t, filepath.Join(dir, "kubeconfig"), fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: %q, certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: tls.crt, client-key: tls.key}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`, server.URL))
	api, err := Connect(filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { api.Follow(ctx, func(err error) { t.Log(err) }); close(done) }()
	defer func() { cancel(); <-done }()
	for _, name := range []string{"first", "second"} {
		rotate(name)
		var got string
		for range 300 {
			// While only one of the two files is new, there is no certificate.
			if err := api.Ready(t.Context()); err != nil {
				got = err.Error()
			} else if got = *seen.Load(); got == name {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got != name {
			t.Errorf("the server saw %q, want %q", got, name)
		}
	}
}
