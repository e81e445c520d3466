package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// guest is an instance's memory and exports. It keeps its first error, so that a sequence of steps is checked once.
type guest struct {
	ctx    context.Context
	module api.Module
	err    error
}

// call calls an export and returns its result.
func (g *guest) call(name string, args ...uint64) uint64 {
	if g.err != nil {
		return 0
	}
	function := g.module.ExportedFunction(name)
	if function == nil {
		g.err = fmt.Errorf("the module exports no %s", name)
		return 0
	}
	results, err := function.Call(g.ctx, args...)
	if err != nil {
		g.err = fmt.Errorf("%s: %w", name, err)
		return 0
	}
	return results[0]
}

// give copies data into memory that the guest allocates.
func (g *guest) give(data []byte) uint32 {
	at := uint32(g.call("canonical_abi_realloc", 0, 0, 8, uint64(len(data))))
	if g.err == nil && !g.module.Memory().Write(at, data) {
		g.err = fmt.Errorf("the guest's memory ends before %d bytes at %d", len(data), at)
	}
	return at
}

// pair gives a list of one pair of strings.
func (g *guest) pair(name, value string) uint32 {
	list := make([]byte, 16)
	for i, text := range []string{name, value} {
		binary.LittleEndian.PutUint32(list[i*8:], g.give([]byte(text)))
		binary.LittleEndian.PutUint32(list[i*8+4:], uint32(len(text)))
	}
	return g.give(list)
}

// read copies from the guest's memory. After an error, the result has the same length and is all zeros.
func (g *guest) read(at, size uint32) []byte {
	if g.err == nil {
		if data, ok := g.module.Memory().Read(at, size); ok {
			return bytes.Clone(data)
		}
		g.err = fmt.Errorf("the guest's memory ends before %d bytes at %d", size, at)
	}
	return make([]byte, min(size, 64))
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

// methods are in the order of Spin's enumeration.
var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}

func methodNumber(method string) uint64 { return uint64(max(slices.Index(methods, method), 0)) }

// outbound uses a connection for each request, because an instance serves only one call.
var outbound = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Spin's error for a failed request.
const requestError = 3

// outboundRequest implements wasi-outbound-http's request: the guest sends a request to another service, and finds
// the reply at ret.
func outboundRequest(ctx context.Context, module api.Module, method, uri, uriLen, _, _, _, _, hasBody, body, bodyLen, ret uint32) {
	g := &guest{ctx, module, nil}
	var sent []byte
	if hasBody == 1 {
		sent = g.read(body, bodyLen)
	}
	url := string(g.read(uri, uriLen))
	status, got, err := fetch(ctx, methods[min(int(method), len(methods)-1)], url, sent)
	result := make([]byte, 32)
	if err != nil {
		result[0], result[4] = 1, requestError
	} else {
		binary.LittleEndian.PutUint16(result[4:], uint16(status))
		result[20] = 1
		binary.LittleEndian.PutUint32(result[24:], g.give(got))
		binary.LittleEndian.PutUint32(result[28:], uint32(len(got)))
	}
	if g.err != nil || !module.Memory().Write(ret, result) {
		panic(fmt.Errorf("wasi-outbound-http: %w", errors.Join(g.err, errors.New("no reply could be written")))) // wazero ends the guest's call with it
	}
}

func fetch(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := outbound.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, largest))
	return response.StatusCode, got, err
}
