//go:build !wasip1

package handler

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

// largest is the size limit for a body, of a request and of a fetched reply.
const largest = 1 << 20

// Main serves the registered handler over HTTP until SIGTERM. It prints its address on standard output as soon as
// it serves.
func Main() {
	log.SetFlags(0)
	listen := flag.String("listen", ":8080", "the `ADDRESS` to serve HTTP at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := listenAndServe(ctx, *listen)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func listenAndServe(ctx context.Context, listen string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	return serve(ctx, listener)
}

func serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: mux(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() { ended <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended // once pending calls have their replies
}

func mux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.HandleFunc("/", answer)
	return m
}

func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply := handle(Request{Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Body: body})
	w.Header().Set("Content-Type", reply.contentType())
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // the client may be gone
}

// outbound keeps connections open, because this process stays.
var outbound = &http.Client{Timeout: 10 * time.Second}

// Fetch requests a URL of another service.
func Fetch(method, url string, body []byte) (int, []byte, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := outbound.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, largest))
	return response.StatusCode, got, err
}
