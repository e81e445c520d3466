//go:build wasip1

package handler

import (
	"fmt"
	"slices"
)

// outboundRequest is Spin's interface for requests to other services, which the
// manifest must allow (allowed_outbound_hosts). The reply is written to ret.
//
//go:wasmimport wasi-outbound-http request
func outboundRequest(method, uri, uriLen, headers, headersLen, params, paramsLen, hasBody, body, bodyLen, ret uint32)

// Fetch requests a URL of another service.
func Fetch(method, url string, body []byte) (int, []byte, error) {
	number := slices.Index(methods, method)
	if number < 0 {
		return 0, nil, fmt.Errorf("%s %s: no such method", method, url)
	}
	in := area(32)
	outboundRequest(uint32(number), give([]byte(url)), uint32(len(url)), 0, 0, 0, 0, 1, give(body), uint32(len(body)), in.address)
	if in.bytes[0] != 0 {
		return 0, nil, fmt.Errorf("%s %s: Spin's error %d", method, url, in.bytes[4])
	}
	var got []byte
	if in.bytes[20] == 1 {
		got = memory(in.get32(24), in.get32(28))
	}
	return int(in.get16(4)), got, nil
}
