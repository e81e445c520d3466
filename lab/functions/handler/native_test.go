//go:build !wasip1

package handler

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestACallInProgressIsAnsweredBeforeTheExit(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	Register(func(Request) Reply {
		close(began)
		<-finish
		return Text(200, "done")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, listener) }()
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	<-began
	end()
	// The server must not exit before the reply is sent.
	for {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break // it accepts no more calls
		}
		conn.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("it exited during a call: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the call: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
