package apistream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// protobufMagic is before every object in Kubernetes' protobuf encoding; the message
// runtime.Unknown follows, which holds the object's own.
var protobufMagic = []byte("k8s\x00")

// maxObject bounds one object, in octets, as client-go bounds an event.
const maxObject = 16 << 20

// The numbers of fields.
const (
	unknownType  protowire.Number = 1 // of runtime.Unknown
	unknownRaw   protowire.Number = 2 // of runtime.Unknown
	listMetadata protowire.Number = 1 // of every list
	listItems    protowire.Number = 2 // of every list
)

// protobufList splits a list.
type protobufList struct {
	r    *bufio.Reader
	list *head
	left uint64 // octets of the list that have not been read
	raw  []byte
}

func newProtobufList(r *bufio.Reader, list *head) (frames, error) {
	_, _ = r.Discard(len(protobufMagic)) // they were peeked at
	whole := &protobufList{r: r, left: 1 << 62}
	for {
		number, size, err := whole.field()
		if err != nil {
			return nil, truncated(err)
		}
		if number == unknownRaw {
			return &protobufList{r: r, list: list, left: size}, nil
		}
		if err := whole.read(size); err != nil {
			return nil, err
		}
		if number == unknownType {
			var kind runtime.TypeMeta
			if err := kind.Unmarshal(whole.raw); err != nil {
				return nil, err
			}
			list.Kind = kind.Kind
		}
	}
}

func (l *protobufList) next() (frame, error) {
	for l.left > 0 {
		number, size, err := l.field()
		if err == nil {
			err = l.read(size)
		}
		if err == nil && number == listMetadata {
			err = l.list.ListMeta.Unmarshal(l.raw)
		}
		if err != nil {
			return frame{}, truncated(err)
		}
		if number == listItems {
			return frame{raw: l.raw, encoding: apiclient.Protobuf}, nil
		}
	}
	return frame{}, io.EOF
}

// field reads the tag and the size of the next field. All fields of lists, and of what is around
// them, have a size.
func (l *protobufList) field() (protowire.Number, uint64, error) {
	tag, err := l.number()
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(tag)
	if kind != protowire.BytesType {
		return 0, 0, fmt.Errorf("field %d of a list in protobuf has wire type %d", number, kind)
	}
	size, err := l.number()
	if err == nil && size > l.left {
		err = fmt.Errorf("field %d of a list in protobuf is longer than the list", number)
	}
	return number, size, err
}

func (l *protobufList) number() (uint64, error) {
	n, err := binary.ReadUvarint(l.r)
	l.left -= min(l.left, uint64(protowire.SizeVarint(n)))
	return n, err
}

// read reads the value of a field.
func (l *protobufList) read(size uint64) (err error) {
	l.raw, err = readInto(l.r, l.raw, size)
	l.left -= size
	return err
}

// protobufEvents splits events, each after its size in four octets.
type protobufEvents struct {
	r      *bufio.Reader
	raw    []byte
	event  metav1.WatchEvent
	object runtime.Unknown
}

func (e *protobufEvents) next() (frame, error) {
	var size [4]byte
	if _, err := io.ReadFull(e.r, size[:]); err != nil {
		return frame{}, err // io.EOF between two events
	}
	var err error
	if e.raw, err = readInto(e.r, e.raw, uint64(binary.BigEndian.Uint32(size[:]))); err != nil {
		return frame{}, err
	}
	e.event.Reset()
	if err := e.event.Unmarshal(e.raw); err != nil {
		return frame{}, fmt.Errorf("an event cannot be decoded: %v", err) // io.ErrUnexpectedEOF would end the watch
	}
	object, ok := bytes.CutPrefix(e.event.Object.Raw, protobufMagic)
	if !ok {
		return frame{}, fmt.Errorf("the object of an event is not in protobuf, as the event is")
	}
	e.object.Reset()
	if err := e.object.Unmarshal(object); err != nil {
		return frame{}, fmt.Errorf("the object of an event cannot be decoded: %v", err)
	}
	return frame{event: watch.EventType(e.event.Type), raw: e.object.Raw, encoding: apiclient.Protobuf}, nil
}

// readInto reads size octets into the buffer, or into a larger one, and returns it.
func readInto(r io.Reader, buffer []byte, size uint64) ([]byte, error) {
	if size > maxObject {
		return buffer, fmt.Errorf("an object has %d octets; at most %d are read", size, maxObject)
	}
	if uint64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	_, err := io.ReadFull(r, buffer)
	return buffer, truncated(err)
}
