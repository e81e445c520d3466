package client

import (
	"errors"
	"fmt"
	"net"
	"testing"
)

// TestOnlyErrorsOfTheServerItselfAreErrors has connections that fail because of the
// client.
func TestOnlyErrorsOfTheServerItselfAreErrors(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_, toNobody := conn.WriteToUDP([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // at port 0, from which a forged query may come
	_ = conn.Close()
	_, afterwards := conn.Write([]byte("x"))
	for _, err := range []error{toNobody, afterwards, fmt.Errorf("wrapped: %w", toNobody)} {
		if err == nil || Written(err) != nil {
			t.Errorf("%v was taken as the server's own error", err)
		}
	}
	own := errors.New("dns: bad rdata")
	if !errors.Is(Written(own), own) || Written(nil) != nil {
		t.Error("an error of the server itself was lost")
	}
}
