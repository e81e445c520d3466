package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/lab/functions"
)

func TestFunctionsRunAsAnyUser(t *testing.T) {
	dir := builtFunctions(t)
	root, config := unpacked(t, dir, "nbody")
	inNamespace(t, func() {
		out := start(t, root, config.Config.Entrypoint[0])
		if got := get(t, "/?steps=1000"); !strings.HasPrefix(got, "-0.169075164\n") {
			t.Errorf("reply %q\n%s", got, out)
		}
		if got := get(t, "/healthz"); got != "ok\n" {
			t.Errorf("health %q\n%s", got, out)
		}
	})
}

// TestSpinsManifestNamesAModuleOfItsImage checks spin.toml, which Spin reads first.
func TestSpinsManifestNamesAModuleOfItsImage(t *testing.T) {
	dir := builtFunctions(t)
	for _, name := range functions.Names {
		root, _ := unpacked(t, dir, name+"-spin")
		manifest, err := os.ReadFile(filepath.Join(root, "spin.toml"))
		if err != nil {
			t.Fatal(err)
		}
		source := regexp.MustCompile(`(?m)^source = "(.+)"$`).FindSubmatch(manifest)
		if source == nil {
			t.Fatalf("%s: no source in\n%s", name, manifest)
		}
		module, err := os.ReadFile(filepath.Join(root, string(source[1])))
		if err != nil || !strings.HasPrefix(string(module), "\x00asm") {
			t.Errorf("%s: %s is not WebAssembly: %v", name, source[1], err)
		}
	}
}

// functionsMade are the images of all functions, which all tests share.
var functionsMade = sync.OnceValues(func() (images []made, err error) {
	dir, err := os.MkdirTemp("", "nearcast-image-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // an image holds its content in memory
	if err := functions.Build(context.Background(), dir, runtime.GOARCH); err != nil {
		return nil, err
	}
	recipes, err := functionImages()
	if err != nil {
		return nil, err
	}
	for _, r := range recipes {
		m, err := assemble(parts{recipe: r, dir: dir, architecture: runtime.GOARCH, created: at})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		images = append(images, m)
	}
	return images, nil
})

// builtFunctions returns a directory with the images of all functions.
func builtFunctions(t *testing.T) string {
	t.Helper()
	images, err := functionsMade()
	if err != nil {
		t.Fatal(err)
	}
	return put(t, images...)
}

// get repeats a request until it is answered. It connects on its own thread, which alone
// is in the namespace; net/http would use another thread.
func get(t *testing.T, uri string) string {
	t.Helper()
	err := errors.New("never asked")
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var body string
		if body, err = askOnce(uri); err == nil {
			return body
		}
	}
	t.Errorf("%s: %v", uri, err)
	return ""
}

// askOnce sends one request over HTTP/1.0.
func askOnce(uri string) (string, error) {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:8080", time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", uri)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
