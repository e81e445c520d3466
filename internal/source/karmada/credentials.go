package karmada

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/base/regular"
)

// credentials follow a kubeconfig and the files that it names: rotated credentials take
// effect with the next request, without listing everything again. If the files cannot be
// read, the last good credentials stay in use.
type credentials struct {
	kubeconfig string
	current    atomic.Pointer[access]

	mu sync.Mutex // serialises refresh
	// refused is when the API last refused the current credentials.
	refused time.Time
}

// access is the result of reading the files once.
type access struct {
	server    *url.URL
	transport http.RoundTripper
	// content is a hash of everything that was read.
	content [sha256.Size]byte
	// folders are the directories of the files.
	folders []string
}

// refusedPause bounds how often the files are read again because the API refuses their
// credentials.
const refusedPause = time.Second

func openCredentials(kubeconfig string) (*credentials, error) {
	c := &credentials{kubeconfig: kubeconfig}
	return c, c.refresh()
}

// refresh reads the files and adopts what they contain if it is new.
func (c *credentials) refresh() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := readAccess(c.kubeconfig)
	if err != nil {
		return fmt.Errorf("karmada: kubeconfig %s: %w", c.kubeconfig, err)
	}
	before := c.current.Load()
	if before != nil && before.content == next.content {
		return nil
	}
	c.current.Store(next)
	if before != nil {
		utilnet.CloseIdleConnectionsFor(before.transport)
	}
	return nil
}

// maxSecretSize bounds a kubeconfig and each file that it names, in octets.
const maxSecretSize = 16 << 20

// mayRead returns an error if one of the files is not a regular file: client-go would wait
// for the writer of a pipe.
func mayRead(files ...string) error {
	for _, file := range files {
		if file == "" {
			continue
		}
		f, err := regular.Open(file, maxSecretSize)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

func readAccess(kubeconfig string) (*access, error) {
	if err := mayRead(kubeconfig); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := mayRead(config.CAFile, config.CertFile, config.KeyFile); err != nil {
		return nil, err
	}
	a := &access{}
	for _, file := range []string{kubeconfig, config.BearerTokenFile, config.CAFile, config.CertFile, config.KeyFile} {
		if dir := filepath.Dir(file); file != "" && !slices.Contains(a.folders, dir) {
			a.folders = append(a.folders, dir)
		}
	}
	if config.BearerTokenFile != "" {
		token, err := regular.Read(config.BearerTokenFile, maxSecretSize)
		if err != nil {
			return nil, err
		}
		config.BearerToken = strings.TrimSpace(string(token))
		if config.BearerToken == "" {
			return nil, fmt.Errorf("%s is empty", config.BearerTokenFile)
		}
		config.BearerTokenFile = ""
	}
	config.UserAgent = "nearcast"
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, err
	}
	config.CAFile, config.CertFile, config.KeyFile = "", "", "" // loaded and followed here
	if a.server, _, err = rest.DefaultServerUrlFor(config); err != nil {
		return nil, err
	}
	raw, err := json.Marshal([]any{config.Host, config.BearerToken, config.Username, config.Password, config.CAData, config.CertData, config.KeyData, config.ServerName, config.Insecure, config.ExecProvider})
	if err != nil {
		return nil, err
	}
	a.content = sha256.Sum256(raw)
	a.transport, err = rest.TransportFor(config)
	return a, err
}

// RoundTrip sends the request to the current server with the current credentials.
func (c *credentials) RoundTrip(r *http.Request) (*http.Response, error) {
	a := c.current.Load()
	if r.URL.Host != a.server.Host || r.URL.Scheme != a.server.Scheme {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = a.server.Scheme, a.server.Host, ""
	}
	reply, err := a.transport.RoundTrip(r)
	if err != nil || reply.StatusCode == http.StatusUnauthorized {
		c.reread()
	}
	return reply, err
}

// reread looks for newer credentials if the API refuses the current ones, or cannot be
// reached with them: a file system may not report changes.
func (c *credentials) reread() {
	c.mu.Lock()
	soon := time.Since(c.refused) < refusedPause
	if !soon {
		c.refused = time.Now()
	}
	c.mu.Unlock()
	if !soon {
		_ = c.refresh() // follow reports problems with the files
	}
}

// follow calls refresh whenever a file changes, until ctx ends.
func (c *credentials) follow(ctx context.Context, onError func(error)) {
	list := func() ([]string, error) { return c.current.Load().folders, nil }
	refresh := func() {
		if err := c.refresh(); err != nil {
			onError(err)
		}
	}
	if err := filewatch.Folders(ctx, list, refresh, onError); err != nil {
		onError(fmt.Errorf("karmada: %w", err))
	}
}
