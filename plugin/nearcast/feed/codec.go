package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func encodeContent(h *history) []byte {
	raw := binary.BigEndian.AppendUint32([]byte{frameContent}, h.serial)
	raw = appendText(raw, h.head.String())
	for _, n := range h.nodes {
		raw = appendText(appendText(raw, n.Owner), n.body)
	}
	return raw
}

func encodeStep(s step) []byte {
	raw := binary.BigEndian.AppendUint32([]byte{frameStep}, s.from)
	raw = binary.BigEndian.AppendUint32(raw, s.to)
	for _, c := range s.changes {
		raw = appendText(raw, c.owner())
		for _, n := range [...]*Node{c.Before, c.After} {
			if n == nil {
				raw = append(raw, 0)
			} else {
				raw = appendText(append(raw, 1), n.body)
			}
		}
	}
	return raw
}

// decoder reads a payload, up to the first fault.
type decoder struct {
	raw   []byte
	fault error
}

var errShort = errors.New("unexpected end of data")

func (d *decoder) take(n int) []byte {
	if d.fault != nil || n < 0 || n > len(d.raw) {
		d.fault = errShort
		return make([]byte, 4)
	}
	taken := d.raw[:n]
	d.raw = d.raw[n:]
	return taken
}

func (d *decoder) number() uint32 { return binary.BigEndian.Uint32(d.take(4)) }

func (d *decoder) text() string {
	length, n := binary.Uvarint(d.raw)
	if n <= 0 || length > uint64(len(d.raw)) {
		d.fault = errShort
		return ""
	}
	d.take(n)
	return string(d.take(int(length))) //nolint:gosec // it is within the payload
}

func (d *decoder) node(owner string) *Node {
	n := &Node{Owner: owner, body: d.text()}
	if d.fault == nil && !wellFormed(n.body) {
		d.fault = fmt.Errorf("invalid records of %.80q", owner)
	}
	return n
}

func (d *decoder) more() bool { return d.fault == nil && len(d.raw) > 0 }

func decodeContent(payload []byte, h *history) (head string, err error) {
	d := &decoder{raw: payload[1:]}
	serial := d.number()
	if len(h.steps) > 0 && h.serial != serial {
		return "", fmt.Errorf("the content has serial %d, but the changes before it lead to %d", serial, h.serial)
	}
	h.serial, head = serial, d.text()
	for d.more() {
		h.nodes = append(h.nodes, d.node(d.text()))
	}
	if d.fault == nil && !slices.IsSortedFunc(h.nodes, compareNodes) {
		d.fault = errors.New("the names are not sorted")
	}
	return head, d.fault
}

// decodeStep adds a step to the history. It follows the last one or, if there is one, the content.
func decodeStep(payload []byte, h *history, content bool) error {
	if len(payload) == 0 || payload[0] != frameStep {
		return errors.New("unknown frame type")
	}
	d := &decoder{raw: payload[1:]}
	s := step{from: d.number(), to: d.number()}
	for d.more() {
		owner := d.text()
		var c Change
		for _, n := range [...]**Node{&c.Before, &c.After} {
			if d.take(1)[0] != 0 {
				*n = d.node(owner)
			}
		}
		if d.fault == nil && c.same() {
			d.fault = fmt.Errorf("the change of %.80q changes nothing", owner)
		}
		s.changes = append(s.changes, c)
		s.size += c.size()
	}
	if d.fault == nil && (len(h.steps) > 0 || content) && s.from != h.serial {
		d.fault = fmt.Errorf("the change starts at serial %d, want %d", s.from, h.serial)
	}
	if d.fault != nil {
		return d.fault
	}
	h.serial, h.steps, h.stepsSize = s.to, append(h.steps, s), h.stepsSize+s.size
	return nil
}
