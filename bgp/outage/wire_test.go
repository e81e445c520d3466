package outage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// message returns a BGP message.
func message(kind byte, body ...byte) []byte {
	head := append(bytes.Clone(marker), 0, 0, kind)
	binary.BigEndian.PutUint16(head[16:], uint16(headerLength+len(body)))
	return append(head, body...)
}

// anOpen is an OPEN from AS 4259840001 with a hold time of 180 s.
func anOpen() []byte {
	return message(openMessage, 4, 0x5b, 0xa0, 0, 180, 10, 0, 0, 1, 14, 2, 4, 1, 4, 0, 1, 2, 6, fourOctetAS, 4, 0xfd, 0xe8, 0, 1)
}

// segment returns a TCP segment from port 179.
func segment(sequence uint32, flags byte, payload []byte, options ...byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, optionNone)
	}
	head := make([]byte, segmentLength)
	binary.BigEndian.PutUint16(head, 179)
	binary.BigEndian.PutUint16(head[2:], 40000)
	binary.BigEndian.PutUint32(head[4:], sequence)
	head[12], head[13] = byte((segmentLength+len(options))/4)<<4, flags
	return append(append(head, options...), payload...)
}

// TestMessagesAreReadHoweverTheyAreSegmented splits an OPEN and a NOTIFICATION anywhere, and
// retransmits some segments.
func TestMessagesAreReadHoweverTheyAreSegmented(t *testing.T) {
	all := append(anOpen(), message(notificationMessage, 2, 2, 0xfb, 0xff)...)
	const first = 0xfffffff0 // the sequence numbers wrap
	for cut := 1; cut < len(all); cut++ {
		ears, a := &Ears{Port: 179}, &Attempt{}
		ears.Hear(segment(first, flagACK, all[:cut]), 0, a)
		ears.Hear(segment(first, flagACK, all[:cut]), 0, a)
		ears.Hear(segment(first+uint32(cut/2), flagACK, all[cut/2:]), 0, a)
		if a.Open == nil || a.Open.ASN != 4259840001 || a.Open.HoldTime != 180 || a.Open.RouterID.String() != "10.0.0.1" {
			t.Fatalf("split at %d: got %+v", cut, a.Open)
		}
		if a.Received == nil || fmt.Sprint(a.Received) != "OPEN Message Error/Bad Peer AS (2/2)" {
			t.Fatalf("split at %d: got %v", cut, a.Received)
		}
	}
}

func TestSignaturesAndTheRoutersOwnConnectionsAreSeen(t *testing.T) {
	ears, a := &Ears{Port: 179, Listening: 179}, &Attempt{}
	md5 := append([]byte{optionMD5, 18}, make([]byte, 16)...)
	if !ears.Hear(segment(1, flagSYN, nil, append([]byte{2, 4, 5, 180}, md5...)...), 1, a) || *a.Called != MD5 {
		t.Errorf("%+v", a)
	}
	if ears.Hear(segment(1, flagSYN|flagACK, nil, optionAO, 4, 1, 1), 1, a) || *a.Answered != AO || a.TTL != 1 {
		t.Errorf("%+v", a)
	}
	if ears.Hear(segment(1, flagRST, nil), 1, a) || !a.Reset {
		t.Errorf("%+v", a)
	}
	strange := segment(1, flagSYN, nil)
	binary.BigEndian.PutUint16(strange, 4242)
	binary.BigEndian.PutUint16(strange[2:], 4243)
	if ears.Hear(strange, 1, a) {
		t.Error("a connection to another service of the router was taken for BGP")
	}
}

func FuzzHear(f *testing.F) {
	f.Add(segment(1, flagACK, anOpen()))
	f.Add(segment(1, flagACK, message(notificationMessage, 6, 9, 6, 2, 3, 'b', 'y', 'e')))
	f.Add(segment(1, flagSYN, nil, optionMD5, 3, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		ears, a := &Ears{Port: 179, Listening: 179}, &Attempt{}
		for range 3 {
			ears.Hear(data, 255, a)
		}
		if v := Explain(subject(nil), *a); v.Text == "" || v.Reason == "" {
			t.Errorf("%+v: got an empty text", a)
		}
	})
}
