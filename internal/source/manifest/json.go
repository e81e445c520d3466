package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds the nesting of JSON, as the YAML library bounds that of YAML.
const maxDepth = 10000

// mayBeJSON reports whether the text begins like a JSON object or array; YAML may begin
// like that too.
func mayBeJSON(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// jsonReader reads consecutive JSON values, with or without line breaks between them, as
// YAML nodes. YAML's parser does not suffice: it reads one value per document, and no
// surrogates.
type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	line    int // of the last token
	at      int // bytes of data consumed
	depth   int
}

func newJSONReader(data []byte) *jsonReader {
	r := &jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.decoder.UseNumber()
	return r
}

// next returns the next value, io.EOF after the last.
func (r *jsonReader) next() (*yaml.Node, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	n, err := r.node(token)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // a value was started
	}
	return n, err
}

func (r *jsonReader) token() (json.Token, error) {
	token, err := r.decoder.Token()
	r.advance(int(r.decoder.InputOffset()))
	return token, err
}

func (r *jsonReader) advance(to int) {
	r.line += bytes.Count(r.data[r.at:to], []byte("\n"))
	r.at = to
}

// failedAt returns the line of the text after the last token.
func (r *jsonReader) failedAt() int {
	rest := r.data[r.at:]
	r.advance(r.at + len(rest) - len(bytes.TrimLeft(rest, " \t\r\n,:")))
	return r.line
}

// node returns the node that starts with the token.
func (r *jsonReader) node(token json.Token) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line}
	switch t := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if t == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		return n, r.children(n)
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Value = t.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(t)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// children reads an array's values, or an object's keys and values, and the closing
// token.
func (r *jsonReader) children(n *yaml.Node) error {
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	for r.decoder.More() {
		token, err := r.token()
		if err != nil {
			return err
		}
		child, err := r.node(token)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	r.depth--
	_, err := r.token()
	return err
}

// parseJSON reads a file of JSON values. If it fails, it returns the line of the error.
func parseJSON(path string, data []byte) (file, int, error) {
	release := reserve(marks(data))
	defer release()
	var f file
	r := newJSONReader(data)
	for {
		node, err := r.next()
		if errors.Is(err, io.EOF) {
			return f, 0, nil
		}
		if err != nil {
			return file{}, r.failedAt(), errors.New(strings.TrimPrefix(err.Error(), "json: "))
		}
		f.add(path, node, typeMeta{})
	}
}
