package apistream

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// frame is the encoding of one object.
type frame struct {
	// event is what happened to the object; "" in a list.
	event    watch.EventType
	encoding apiclient.Encoding
	raw      []byte
}

func (f frame) isBookmark() bool { return f.event == watch.Bookmark }

// frames splits a response into the encodings of its objects.
type frames interface {
	// next returns the next object, which is valid until the next call; after the last one it
	// returns io.EOF.
	next() (frame, error)
}

// readSize is how much of a response is read at a time, in octets; each watch holds as much.
const readSize = 16 << 10

// listFrames splits a list, and stores its head before next returns io.EOF. The encoding
// follows from the first octets: a server may answer in JSON always.
func listFrames(body io.Reader, list *head) (frames, error) {
	r := bufio.NewReaderSize(body, readSize)
	start, err := r.Peek(len(protobufMagic))
	if bytes.Equal(start, protobufMagic) {
		return newProtobufList(r, list)
	}
	if len(start) == 0 {
		return nil, truncated(err)
	}
	return newJSONList(r, list)
}

// eventFrames splits the events of a watch. A frame of protobuf starts with its length, whose first
// octet is zero.
func eventFrames(body io.Reader) (frames, error) {
	r := bufio.NewReaderSize(body, readSize)
	start, err := r.Peek(1)
	switch {
	case err != nil:
		return nil, err
	case start[0] == 0:
		return &protobufEvents{r: r}, nil
	}
	return newJSONEvents(r), nil
}

// truncated is the error of a response that ended too early.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
