package apistream

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

func newDecoder(r io.Reader) *jsontext.Decoder { return jsontext.NewDecoder(r, optionsOf(nil)) }

// open reads the token that starts an object or a list.
func open(d *jsontext.Decoder, want jsontext.Kind) error {
	token, err := d.ReadToken()
	if err == nil && token.Kind() != want {
		err = fmt.Errorf("JSON starts with %s where %s is expected", token.Kind(), want)
	}
	return err
}

// member returns the name of the next member of an object, or false at its end.
func member(d *jsontext.Decoder) (string, bool, error) {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == '}' {
		return "", false, truncated(err)
	}
	return token.String(), true, nil
}

// jsonList splits {"kind": "…", "metadata": {…}, "items": […]}, whose members come in any order.
type jsonList struct {
	d     *jsontext.Decoder
	list  *head
	items bool // whether the items have begun
}

func newJSONList(r io.Reader, list *head) (frames, error) {
	l := &jsonList{d: newDecoder(r), list: list}
	return l, truncated(open(l.d, '{'))
}

func (l *jsonList) next() (frame, error) {
	for !l.items {
		name, ok, err := member(l.d)
		switch {
		case err != nil:
			return frame{}, err
		case !ok:
			return frame{}, io.EOF
		case name == "metadata":
			err = json.UnmarshalDecode(l.d, &l.list.ListMeta)
		case name == "kind":
			err = json.UnmarshalDecode(l.d, &l.list.Kind)
		case name == "items":
			l.items, err = l.begin()
		default:
			err = l.d.SkipValue()
		}
		if err != nil {
			return frame{}, truncated(err)
		}
	}
	if l.d.PeekKind() == ']' {
		l.items = false
		if _, err := l.d.ReadToken(); err != nil {
			return frame{}, err
		}
		return l.next()
	}
	raw, err := l.d.ReadValue()
	return frame{raw: raw, encoding: apiclient.JSON}, truncated(err)
}

// begin reports whether items follow: they may be null.
func (l *jsonList) begin() (bool, error) {
	if l.d.PeekKind() == 'n' {
		return false, l.d.SkipValue()
	}
	return true, open(l.d, '[')
}

// jsonEvents splits a sequence of {"type": "…", "object": {…}}.
type jsonEvents struct {
	d   *jsontext.Decoder
	raw []byte
}

func newJSONEvents(r io.Reader) *jsonEvents { return &jsonEvents{d: newDecoder(r)} }

func (e *jsonEvents) next() (frame, error) {
	if err := open(e.d, '{'); err != nil {
		return frame{}, err // io.EOF between two events
	}
	f := frame{encoding: apiclient.JSON}
	for {
		name, ok, err := member(e.d)
		switch {
		case err != nil:
			return frame{}, err
		case !ok:
			return f, nil
		case name == "type":
			var kind string
			err = json.UnmarshalDecode(e.d, &kind)
			f.event = watch.EventType(kind)
		case name == "object":
			var raw jsontext.Value
			raw, err = e.d.ReadValue()
			e.raw = append(e.raw[:0], raw...) // the decoder reuses its own at the next token
			f.raw = e.raw
		default:
			err = e.d.SkipValue()
		}
		if err != nil {
			return frame{}, truncated(err)
		}
	}
}
